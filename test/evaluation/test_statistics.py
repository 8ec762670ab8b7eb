"""Sums against the whole."""

import numpy as np
import pytest

from jcc_ros.evaluation.frames import Frame, Outcome, Verdict
from jcc_ros.evaluation.statistics import Track


def judged(scores, right) -> Track:
    track = Track("again")
    for index, (score, good) in enumerate(zip(scores, right, strict=True)):
        frame = Frame("/c", index, image_time=index, truth="a")
        outcome = Outcome(point=0, verdict=Verdict("a" if good else "b", float(score)))
        frame.outcomes["again"] = outcome
        track.add(frame, "again", 0)
    return track


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
