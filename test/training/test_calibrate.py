"""The ladder rises, and what cannot be coded is left out."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.layers import fold
from jcc_ros.networks.model import load_model
from jcc_ros.training.calibrate import _pareto, _thin, calibrate
from jcc_ros.training.confidence import logits_of
from jcc_ros.training.config import Calibrate, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.loop import encoded


def test_ladder_of_a_trained_model_rises(tiny_model):
    encoder, _ = load_model(tiny_model)
    bits = [point.bits for point in encoder.codec.ladder]
    assert bits == sorted(set(bits))
    assert 2 <= len(bits) <= 4
    for point in encoder.codec.ladder:
        np.testing.assert_allclose(point.table.rows.sum(axis=1), 1, atol=1e-3)


def _halves(tiny_config: dict) -> tuple[Encoder, Classifier]:
    torch.manual_seed(0)
    config = TrainConfig.model_validate(tiny_config)
    encoder = fold(Encoder(config.encoder).eval())
    classifier = fold(Classifier(ClassifierConfig(channels=4, classes=10, width=8)).eval())
    return encoder, classifier


def _calibrated(tiny_config: dict, data, **grid) -> Ladder:
    return calibrate(*_halves(tiny_config), data, data, Calibrate(**grid))


def test_steps_that_cannot_be_coded_are_skipped(tiny_config, few_digits):
    ladder = _calibrated(tiny_config, few_digits, finest=1e-5, coarsest=0.1, count=4)
    assert len(ladder) >= 1
    assert min(point.step for point in ladder) > 1e-4


def test_nothing_to_code_is_said(tiny_config, few_digits):
    with pytest.raises(RunError, match=r"calibrate\.coarsest"):
        _calibrated(tiny_config, few_digits, finest=1e-6, coarsest=2e-6, count=2)


@pytest.mark.parametrize(("factor", "reason"), [(1e7, "too fine"), (1e30, "finite numbers")])
def test_latents_of_a_training_that_diverged_are_told(tiny_config, few_digits, factor, reason):
    encoder, classifier = _halves(tiny_config)
    with torch.no_grad():
        for layer in encoder.layers[-2:]:
            layer.conv.weight.mul_(factor)
    with pytest.raises(RunError, match=f"{reason}.* diverged"):
        calibrate(encoder, classifier, few_digits, few_digits, Calibrate(count=2))


def test_points_that_no_packet_holds_are_skipped(tiny_config, few_digits):
    size = {"height": 64, "width": 64}
    tiny_config["encoder"] |= {"input": size, "stem": 64, "channels": 32}
    torch.manual_seed(0)
    encoder = fold(Encoder(TrainConfig.model_validate(tiny_config).encoder).eval())
    classifier = fold(Classifier(ClassifierConfig(channels=32, classes=10, width=8)).eval())
    data = few_digits.sample(40, seed=0).resized(encoder.config.input)
    grid = Calibrate(finest=0.01, coarsest=0.2, count=2, prefixes=[1.0])
    ladder = calibrate(encoder, classifier, data, data, grid)
    assert [point.step for point in ladder] == [pytest.approx(0.2)]
    with pytest.raises(RunError, match=r"calibrate\.coarsest 0\.01"):
        calibrate(encoder, classifier, data, data, grid.model_copy(update={"coarsest": 0.01}))


def test_points_are_as_a_model_file_holds_them(tiny_config, few_digits):
    data = few_digits.sample(120, seed=0)
    grid = {"finest": 0.1, "coarsest": 0.7, "count": 2, "prefixes": [0.01, 1.0], "components": 2}
    ladder = _calibrated(tiny_config, data, **grid)
    assert ladder[0].prefix == 1  # a hundredth of four channels
    assert {point.step for point in ladder} <= {float(np.float32(step)) for step in (0.1, 0.7)}
    assert max(point.table.components for point in ladder) == 2


def test_tables_come_from_training_images_and_measurements_from_validation_images(
    tiny_config, few_digits
):
    encoder, classifier = _halves(tiny_config)
    bright, others = few_digits.subset(np.arange(200)), few_digits.subset(np.arange(200, 400))
    dark = replace(others, images=others.images // 4)
    grid = Calibrate(finest=0.05, coarsest=0.05, count=2, prefixes=[1.0], components=1)

    def only_point(train: LabelledImages, validation: LabelledImages) -> OperatingPoint:
        (point,) = calibrate(encoder, classifier, train, validation, grid)
        return point

    alike, point = only_point(bright, bright), only_point(bright, dark)
    assert point.table.lowest == alike.table.lowest
    np.testing.assert_array_equal(point.table.rows, alike.table.rows)
    codec = LatentCodec(Ladder(encoder.config.latent_shape, [point]))
    latents = encoded(encoder, dark, torch.device("cpu")).numpy()
    sizes = [8 * len(codec.encode(latent, 0).payload) for latent in latents]
    assert point.bits == np.mean(sizes) != alike.bits
    told = logits_of(classifier, codec.received(latents, 0)).argmax(dim=1).numpy()
    assert point.accuracy == pytest.approx(np.mean(told == dark.labels))


def test_a_finer_grid_gives_no_coarser_ladder():
    def front(bits: np.ndarray) -> list[OperatingPoint]:
        return _pareto([(1 / b, OperatingPoint(1.0, 1, None, float(b), 0.5)) for b in bits])

    bits = 40 * 1.029 ** np.arange(105)
    coarse, fine = front(bits[::2]), front(bits)
    assert len(coarse) == len(bits[::2])
    assert len(fine) > 0.9 * len(coarse)
    assert fine[-1].bits == bits[-1]
    assert all(b.bits >= 1.03 * a.bits for a, b in pairwise(fine))


def point_of(bits: float) -> OperatingPoint:
    return OperatingPoint(1.0, 1, None, float(bits), 0.5)


def test_what_costs_more_must_be_better_and_more_than_about_a_byte():
    tiny, cheap, equal, worse, best = (point_of(bits) for bits in (8, 40, 60, 80, 160))
    candidates = [(0.2, best), (0.5, worse), (0.4, equal), (0.4, cheap), (1.0, tiny)]
    assert _pareto(candidates) == [cheap, best]
    assert _pareto([(1.0, tiny)]) == [tiny]


def test_what_stays_of_too_many_points_is_spread_evenly():
    crowd = [point_of(bits) for bits in (20, 38, 39, 40, 80, 158, 160, 320)]
    assert [p.bits for p in _thin(crowd, 5)] == pytest.approx([20, 40, 80, 160, 320], rel=0.06)
    assert [p.bits for p in _thin(crowd, 2)] == [20, 320]
    assert _thin(crowd, 1) == crowd[-1:]
    assert _thin(crowd, 8) == crowd
