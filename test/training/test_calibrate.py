"""Tables are probabilities, and the ladder rises."""

import numpy as np
import pytest
import torch

from jcc_ros.codec.ladder import Ladder
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.layers import fold
from jcc_ros.networks.model import load_model
from jcc_ros.training.calibrate import TooFineError, calibrate, fit_table
from jcc_ros.training.config import Calibrate, TrainConfig
from jcc_ros.training.run import RunError


@pytest.fixture
def symbols() -> np.ndarray:
    """Of 3 channels with 2 elements each, whose spreads differ."""
    random = np.random.default_rng(0)
    spread = np.repeat([0.5, 2.0, 6.0], 2)
    return np.rint(random.normal(size=(2000, 6)) * spread).astype(np.int32)


def test_tables_are_probabilities_of_every_symbol_seen(symbols):
    table = fit_table(symbols, channels=3)
    np.testing.assert_allclose(table.probabilities.sum(axis=1), 1, atol=1e-5)
    assert table.probabilities.min() > 0
    assert (table.lowest, table.levels) == (symbols.min(), np.ptp(symbols) + 1)


def test_code_length_is_near_the_entropy(symbols):
    ideal = fit_table(symbols[:1000], channels=3).ideal_bits(symbols[1000:].clip(-15, 15)).mean()
    entropy = 0.0
    for element in symbols.T:
        share = np.unique(element, return_counts=True)[1] / len(element)
        entropy -= float((share * np.log2(share)).sum())
    assert entropy * 0.98 < ideal < entropy * 1.05


def test_one_symbol_alone_still_gets_a_table():
    table = fit_table(np.full((50, 4), 7, np.int32), channels=2)
    assert (table.lowest, table.levels) == (7, 2)
    assert table.probabilities[:, 0].min() > 0.99


def test_too_many_levels_are_refused():
    with pytest.raises(TooFineError, match="at most 256"):
        fit_table(np.arange(-300, 300, dtype=np.int32).reshape(-1, 1), channels=1)


def test_ladder_of_a_trained_model_rises(tiny_model):
    encoder, _ = load_model(tiny_model)
    bits = [point.bits for point in encoder.codec.ladder]
    assert bits == sorted(set(bits))
    assert 2 <= len(bits) <= 4
    for point in encoder.codec.ladder:
        np.testing.assert_allclose(point.table.probabilities.sum(axis=1), 1, atol=1e-5)


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
        _calibrated(tiny_config, few_digits, finest=1e-7, coarsest=1e-6, count=2)
