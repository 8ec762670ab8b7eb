"""Figures against their definitions, and sums against the whole."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest

from jcc_ros.evaluation.calibration import Bin, Calibration
from jcc_ros.evaluation.distribution import Distribution
from jcc_ros.evaluation.frames import Frame, Outcome, Verdict
from jcc_ros.evaluation.statistics import Track, interval, per_class


def filled(values) -> Distribution:
    distribution = Distribution()
    for value in values:
        distribution.add(float(value))
    return distribution


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_percentiles_are_numpy_s(count):
    values = np.random.default_rng(count).lognormal(-4, 1, count)
    percents = (0, 5, 50, 95, 99, 100)
    found = filled(values)
    assert found.percentiles(*percents) == pytest.approx(np.percentile(values, percents), rel=1e-3)
    assert found.mean == pytest.approx(values.mean())
    assert (found.least, found.most, len(found)) == (values.min(), values.max(), count)


def test_whole_numbers_of_four_digits_are_exact():
    values = np.random.default_rng(0).integers(-50, 9999, 500)
    assert filled(values).percentiles(5, 50, 95) == list(np.percentile(values, (5, 50, 95)))


def test_memory_is_bounded():
    assert len(filled(np.random.default_rng(0).uniform(0.001, 0.01, 100_000)).counts) <= 9001


def test_distributions_add_up():
    a, b = np.random.default_rng(0).uniform(0, 1, (2, 300))
    both = filled(a)
    both.update(filled(b))
    whole = filled([*a, *b])
    assert both.counts == whole.counts
    assert both.summary()["p95"] == whole.summary()["p95"]


def test_nothing_is_no_number():
    assert Distribution().summary() is None
    assert Distribution().percentiles(50) == []


def test_wilson_interval():
    """The example of E. B. Wilson's interval in Newcombe 1998, table I: 81 of 263."""
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(10, 10)[1] == 1.0


@pytest.mark.parametrize(("right", "judged"), [(0, 1), (0, 40), (1, 1), (7, 9), (980, 1000)])
def test_wilson_interval_is_scipy_s(right, judged):
    expected = binomtest(right, judged).proportion_ci(method="wilson")
    assert interval(right, judged) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_per_class():
    counts = Counter({("a", "a"): 3, ("a", "b"): 1, ("b", "b"): 2, ("c", "a"): 1})
    rows = {row["class"]: row for row in per_class(counts)}
    assert rows["a"]["recall"] == 3 / 4
    assert rows["a"]["precision"] == 3 / 4
    assert rows["b"]["precision"] == 2 / 3
    assert rows["b"]["f1"] == pytest.approx(0.8)
    assert rows["c"]["precision"] is None
    assert rows["c"]["f1"] == 0


def judged(scores, right) -> Track:
    track = Track("again")
    for index, (score, good) in enumerate(zip(scores, right, strict=True)):
        frame = Frame("/c", index, image_time=index, truth="a")
        outcome = Outcome(point=0, verdict=Verdict("a" if good else "b", float(score)))
        frame.outcomes["again"] = outcome
        track.add(frame, "again", 0)
    return track


def test_calibration_error_is_the_textbook_s():
    random = np.random.default_rng(0)
    scores = random.uniform(0.1, 1, 500)
    right = random.random(500) < scores**2
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (scores >= low) & (scores < low + 1 / 15)
        if inside.any():
            gap = abs(right[inside].mean() - scores[inside].mean())
            expected += inside.mean() * gap
    found = judged(scores, right).calibration
    assert found.error == pytest.approx(expected)
    assert Calibration().error is None


def test_bins_of_scores_tell_what_was_counted():
    counted = Calibration()
    for score, right in ((0.99, True), (1.0, False), (0.1, False)):
        counted.add(score, right)
    assert list(counted.bins()) == [
        Bin(pytest.approx(1.5 / 15), 1, 0.1, 0.0),
        Bin(pytest.approx(14.5 / 15), 2, pytest.approx(0.995), 0.5),
    ]
    assert len(counted) == 3


def test_surest_mistakes_are_kept():
    scores = np.random.default_rng(0).random(300)
    right = np.arange(300) % 2 == 0
    track = judged(scores, right)
    kept = [mistake.score for mistake in track.worst()]
    assert kept == sorted(scores[~right], reverse=True)[:12]


def test_tracks_add_up():
    random = np.random.default_rng(0)
    scores, right = random.random(200), random.random(200) < 0.7
    whole = judged(scores, right)
    parts = judged(scores[:50], right[:50])
    parts.update(judged(scores[50:], right[50:]))
    assert (parts.correct, parts.judged) == (whole.correct, whole.judged)
    assert parts.confusion == whole.confusion
    assert parts.calibration.error == pytest.approx(whole.calibration.error)
    assert [m.score for m in parts.worst()] == [m.score for m in whole.worst()]
