"""A model that has learnt nothing is not published without a word."""

import numpy as np
import pytest
import torch

from jcc_ros.codec.ladder import Ladder
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training import publish
from jcc_ros.training.guessing import warn_of_guessing


@pytest.mark.parametrize(
    ("counts", "right", "warned"),
    [
        ([60, 40], [24, 16], True),
        ([60, 40], [60, 0], True),
        # The standard error is half the root of 1/4 (1/60 + 1/40): 5.1 %.
        ([60, 40], [39, 26], True),
        ([60, 40], [40, 26], False),
        ([60, 40], [60, 40], False),
        ([900, 100], [900, 0], True),
        ([900, 100], [819, 91], False),
        ([950, 50], [902, 48], False),
        # Five images tell little of their class.
        ([995, 5], [647, 3], True),
        ([0, 60, 0, 40], [0, 60, 0, 0], True),
        ([0, 60, 0, 40], [0, 40, 0, 26], False),
    ],
)
def test_what_guessing_would_reach_is_told(caplog, counts, right, warned):
    labels = np.repeat(np.arange(len(counts)), counts)
    guesses = np.concatenate(
        [
            np.where(np.arange(count) < rights, label, (label + 1) % len(counts))
            for label, (count, rights) in enumerate(zip(counts, right, strict=True))
        ]
    )
    warn_of_guessing("tiny", guesses, labels)
    assert (f"of the {sum(counts)} validation images are right" in caplog.text) == warned
    assert ("tiny: hardly better than guessing" in caplog.text) == warned
    assert ("and guessing gets 50.0 %" in caplog.text) == warned


def test_a_model_of_no_use_is_told(trainings, monkeypatch, caplog):
    calibrate = publish.calibrate

    def useless(encoder: Encoder, classifier: Classifier, *args: object) -> Ladder:
        with torch.no_grad():
            classifier.head.bias[0] = 1000  # always tells the first class
        ladder = calibrate(encoder, classifier, *args)
        return Ladder(ladder.shape, [ladder[0]])

    trainings.run("run")
    assert "guessing" not in caplog.text
    monkeypatch.setattr(publish, "calibrate", useless)
    trainings.run("run", only="calibrate")
    assert (
        "tiny: hardly better than guessing: even at the most bits 10.0 % of the 80" in caplog.text
    )
    assert "tiny: a single operating point" in caplog.text
    caplog.clear()
    trainings.run("run", only="calibrate", calibrate={"points": 1})
    assert "a single operating point" not in caplog.text
