"""A model that has learnt nothing is not published without a word."""

from dataclasses import replace

import numpy as np
import pytest

from jcc_ros.codec.ladder import Ladder
from jcc_ros.training import publish
from jcc_ros.training.guessing import warn_of_guessing

LABELS = np.repeat([0, 1], [60, 40])


@pytest.mark.parametrize(
    ("accuracy", "warned"), [(0.4, True), (0.6, True), (0.74, True), (0.75, False), (1.0, False)]
)
def test_what_guessing_would_reach_is_told(caplog, accuracy, warned):
    warn_of_guessing("tiny", accuracy, LABELS)
    assert ("of the 100 validation images are right" in caplog.text) == warned
    assert ("tiny: hardly better than guessing" in caplog.text) == warned


def test_a_model_of_no_use_is_told(trainings, monkeypatch, caplog):
    calibrate = publish.calibrate

    def useless(*args: object) -> Ladder:
        ladder = calibrate(*args)
        return Ladder(ladder.shape, [replace(ladder[0], accuracy=0.1)])

    trainings.run("run")
    assert "guessing" not in caplog.text
    monkeypatch.setattr(publish, "calibrate", useless)
    trainings.run("run", only="calibrate")
    assert "tiny: hardly better than guessing: at best 10.0 % of the 80" in caplog.text
    assert "tiny: a single operating point" in caplog.text
    caplog.clear()
    trainings.run("run", only="calibrate", calibrate={"points": 1})
    assert "a single operating point" not in caplog.text
