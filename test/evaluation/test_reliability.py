"""Whether scores tell how often they are right, against the textbook."""

import numpy as np
import pytest

from jcc_ros.evaluation.reliability import Bin, Reliability


def counted(scores, right) -> Reliability:
    reliability = Reliability()
    for score, good in zip(scores, right, strict=True):
        reliability.add(float(score), bool(good))
    return reliability


def test_calibration_error_is_the_textbook_s():
    random = np.random.default_rng(0)
    scores = random.uniform(0.1, 1, 500)
    right = random.random(500) < 0.5  # too sure above a half, too modest below
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (scores >= low) & (scores < low + 1 / 15)
        if inside.any():
            gap = abs(right[inside].mean() - scores[inside].mean())
            expected += inside.mean() * gap
    assert counted(scores, right).error == pytest.approx(expected)
    assert Reliability().error is None


def test_bins_of_scores_tell_what_was_counted():
    found = counted((0.99, 1.0, 0.1), (True, False, False))
    assert list(found.bins()) == [
        Bin(pytest.approx(1.5 / 15), 1, 0.1, 0.0),
        Bin(pytest.approx(14.5 / 15), 2, pytest.approx(0.995), 0.5),
    ]
    assert len(found) == 3
