"""The ladder rises, and what cannot be coded is left out."""

import numpy as np
import pytest
import torch

from jcc_ros.codec.ladder import Ladder
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.layers import fold
from jcc_ros.networks.model import load_model
from jcc_ros.training.calibrate import calibrate
from jcc_ros.training.config import Calibrate, TrainConfig
from jcc_ros.training.run import RunError


def test_ladder_of_a_trained_model_rises(tiny_model):
    encoder, _ = load_model(tiny_model)
    bits = [point.bits for point in encoder.codec.ladder]
    assert bits == sorted(set(bits))
    assert 2 <= len(bits) <= 4
    for point in encoder.codec.ladder:
        np.testing.assert_allclose(point.table.rows.sum(axis=1), 1, atol=1e-3)


def _calibrated(tiny_config: dict, data, **grid) -> Ladder:
    torch.manual_seed(0)
    config = TrainConfig.model_validate(tiny_config)
    encoder = fold(Encoder(config.encoder).eval())
    classifier = fold(Classifier(ClassifierConfig(channels=4, classes=10, width=8)).eval())
    return calibrate(encoder, classifier, data, data, Calibrate(**grid))


def test_steps_that_cannot_be_coded_are_skipped(tiny_config, few_digits):
    ladder = _calibrated(tiny_config, few_digits, finest=1e-5, coarsest=0.1, count=4)
    assert len(ladder) >= 1
    assert min(point.step for point in ladder) > 1e-4


def test_nothing_to_code_is_said(tiny_config, few_digits):
    with pytest.raises(RunError, match=r"calibrate\.coarsest"):
        _calibrated(tiny_config, few_digits, finest=1e-6, coarsest=2e-6, count=2)
