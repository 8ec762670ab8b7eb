"""Sums against the whole."""

from collections import Counter

import numpy as np
import pytest

from jcc_ros.evaluation.distribution import Distribution
from jcc_ros.evaluation.frames import Frame, Outcome, Verdict
from jcc_ros.evaluation.plan import Way
from jcc_ros.evaluation.reliability import Reliability
from jcc_ros.evaluation.statistics import Second, Topic, Track


def filled(*values: float) -> Distribution:
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    return distribution


def judged(scores, right) -> Track:
    track = Track(Way("again", "again"))
    for index, (score, good) in enumerate(zip(scores, right, strict=True)):
        frame = Frame("/c", index, image_time=index, truth="a")
        outcome = Outcome(point=0, verdict=Verdict("a" if good else "b", float(score)))
        frame.outcomes["again"] = outcome
        track.add(frame, 0)
    return track


def test_what_is_counted_of_frames():
    origin, second = 7 * 10**8, 10**9
    track = Track(Way("way", "bitrate", 8000.0))

    def add(truth, sent, **outcome) -> None:
        image_time = None if sent is None else sent - second // 4
        frame = Frame("/c", 5, image_time=image_time, latent_time=0, truth=truth)
        if outcome:
            frame.outcomes["way"] = Outcome(sent=sent, **outcome)
        track.add(frame, origin)

    add("a", origin + 0, point=2, payload_bits=80, wire_bits=900, verdict=Verdict("a", 0.9))
    add("a", origin + second - 1, point=1, wire_bits=800, verdict=Verdict("b", 0.8))
    add(None, origin + second, point=1, wire_bits=700, verdict=Verdict("a", 0.7))
    add("a", origin + second, point=1, wire_bits=600)  # no label came
    add("b", None, dropped="rate")
    add("b", None)  # there was no such frame
    add(None, None)
    assert (track.frames, track.labelled, track.judged, track.correct) == (5, 3, 2, 1)
    assert (track.lost, track.dropped) == (3, {"rate": 1})
    assert (track.points, track.known) == ({2: 1, 1: 3}, {2: 1, 1: 1})
    assert {point: n for point, n in track.right.items() if n} == {2: 1}
    assert track.seconds == {0: Second(1700, 2, 3), 1: Second(1300, 2, 2)}
    assert (track.payload_bits.total, track.wire_bits.total) == (80, 3000)
    assert track.wait.summary()["min"] == track.wait.summary()["max"] == 0.25


def test_nothing_is_lost_where_bags_are_added_up():
    track = judged(np.linspace(0.1, 0.9, 40), np.arange(40) % 3 == 0)
    for name in ("payload_bits", "wire_bits", "wait"):
        setattr(track, name, filled(3.0, 1.0, 2.0))
    track.lost, track.dropped = 3, Counter(rate=4)
    topic = Topic("/c", latencies={"stamp_to_label": filled(0.5, 0.2)}, tracks={"again": track})
    for number, (name, value) in enumerate(vars(topic).items(), 1):
        if isinstance(value, Counter):
            value["reason"] = number
        elif isinstance(value, Distribution):
            value.add(number)
        elif isinstance(value, int | float):
            setattr(topic, name, number)
    whole = Topic("/c")
    for times in (1, 2):
        whole.update(topic)
        for name in vars(topic).keys() - {"name", "foreign", "span", "tracks"}:
            assert_times(getattr(whole, name), getattr(topic, name), times)
        for name in vars(track).keys() - {"way", "mistakes", "seconds"}:
            assert_times(getattr(whole.tracks["again"], name), getattr(track, name), times)


def assert_times(found, one, times: int) -> None:
    """Check that something was counted so many times."""
    if isinstance(one, Distribution):
        assert (found.least, found.most) == (one.least, one.most)
        assert found.total == pytest.approx(times * one.total)
        assert_times(found.counts, one.counts, times)
    elif isinstance(one, Reliability):
        assert (len(found), found.error) == (times * len(one), pytest.approx(one.error))
    elif isinstance(one, dict):
        assert found.keys() == one.keys()
        for key, value in one.items():
            assert_times(found[key], value, times)
    else:
        assert np.array(found) == pytest.approx(times * np.array(one))


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
    assert parts.reliability.error == pytest.approx(whole.reliability.error)
    assert [m.score for m in parts.worst()] == [m.score for m in whole.worst()]
