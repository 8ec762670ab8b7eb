"""The two halves as they are trained, with and without what quantisation does to the latent."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.finetune import EndToEnd, Halves
from jcc_ros.training.losses import class_coding_rate, coding_rate, unit
from jcc_ros.training.run import Run

LABELS = torch.zeros(64, dtype=torch.int64)
FINE = 1e-4  # the step of the pages that are to train without a quantiser


@pytest.fixture
def halves() -> Halves:
    torch.manual_seed(0)
    shape = {"input": {"height": 32, "width": 32}, "channels": 4, "widths": (8, 12)}
    encoder = Encoder(EncoderConfig.model_validate({**shape, "blocks": (0, 0)}))
    return Halves(encoder, Classifier(ClassifierConfig(channels=4, classes=5, width=16, blocks=0)))


def test_a_fine_step_and_a_whole_prefix_are_as_good_as_no_quantiser(halves):
    images = torch.rand(64, 3, 32, 32)
    bare = halves.classifier(halves.encoder(images))
    step, whole = torch.full((64, 1, 1, 1), FINE), torch.full((64, 1, 1, 1), 4)
    sent, bits, _ = halves(images, step, whole, LABELS)
    torch.testing.assert_close(sent, bare, atol=1e-3, rtol=0)
    assert torch.isfinite(bits).all()
    gradients = [
        torch.autograd.grad(logits.logsumexp(dim=1).sum(), halves.encoder.parameters())
        for logits in (sent, bare)
    ]
    for with_step, without in zip(*gradients, strict=True):
        torch.testing.assert_close(with_step, without, rtol=0.02, atol=0.02 * without.abs().max())


def test_a_coarse_step_is_not(halves):
    images = torch.rand(64, 3, 32, 32)
    bare = halves.classifier(halves.encoder(images))
    step, whole = torch.full((64, 1, 1, 1), 1.0), torch.full((64, 1, 1, 1), 4)
    sent, _, _ = halves(images, step, whole, LABELS)
    assert (sent - bare).abs().max() > 0.05


@pytest.mark.parametrize("by_class", [True, False])
def test_the_rate_knows_the_class_unless_it_is_told_not_to(halves, by_class):
    halves = Halves(halves.encoder, halves.classifier, by_class).eval()
    halves.rate.centre[-1] += 5.0  # the density of one class, or of all
    images = torch.rand(1, 3, 32, 32).expand(5, -1, -1, -1)
    step, whole = torch.full((5, 1, 1, 1), FINE), torch.full((5, 1, 1, 1), 4)
    _, bits, _ = halves(images, step, whole, torch.arange(5))
    torch.testing.assert_close(bits[:4], bits[:1].expand(4), rtol=1e-3, atol=0)
    assert (bits[4] > 1.2 * bits[0]).item() == by_class


class Draws:
    """The end-to-end objective of some images, whose halves keep what they were given."""

    def __init__(self, halves: Halves, folder: Path, **stage: object) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
        data = LabelledImages(pixels, np.arange(64) % 5, tuple("abcde"))
        finetune = {"epochs": 1, "rate_weight": 1.0, **stage}
        page = TrainConfig.model_validate(
            {"name": "any", "encoder": halves.encoder.config, "finetune": finetune}
        )
        run = Run(folder, torch.device("cpu"), bfloat16=False)
        self._halves = halves.eval()
        self._objective = EndToEnd(self._halves, data, data, page, run, teacher=None)
        self._images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255

    def loss(self, progress: float) -> tuple[float, float]:
        """Return the loss and the mean bits, always of the same draws."""
        torch.manual_seed(1)
        loss, values = self._objective.loss(self, self._images, torch.arange(64), progress)
        return loss.item(), values["bits"].item()

    def __call__(self, images: Tensor, step: Tensor, prefix: Tensor, labels: Tensor):
        self.images, self.step, self.prefix = images, step, prefix
        return self._halves(images, step, prefix, labels)


def test_the_weight_of_the_rate_grows_until_the_warm_up_ends(halves, tmp_path):
    draws = Draws(halves, tmp_path, rate_warm_up=0.5)
    none, half, whole = (draws.loss(progress)[0] for progress in (0.0, 0.25, 0.5))
    assert none < half
    assert half - none == pytest.approx((whole - none) / 2, rel=1e-3)
    assert draws.loss(0.9)[0] == whole


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_weight_of_the_rate_goes_by_the_step(halves, tmp_path, power):
    stage = {"rate_weight": 0.01, "rate_power": power, "steps": (3.0, 3.0), "rate_warm_up": 0.5}
    draws = Draws(halves, tmp_path, **stage)
    without, bits = draws.loss(0.0)
    assert draws.loss(1.0)[0] - without == pytest.approx(0.01 * 3.0**power * bits, rel=1e-3)


@pytest.mark.parametrize("step", [FINE, 9.0])
def test_the_loss_keeps_the_rate_reduction_of_unquantised_latents(halves, tmp_path, step):
    stage = {"steps": (step, step), "full_prefix": 0.0}
    plain = Draws(halves, tmp_path, **stage)
    kept = Draws(halves, tmp_path, **stage, reduction=2.0)
    lost = plain.loss(0.5)[0] - kept.loss(0.5)[0]
    features = unit(halves.encoder(kept.images).mean(dim=(2, 3)))
    reduction = coding_rate(features) - class_coding_rate(features, torch.arange(64) % 5)
    assert reduction > 0.01
    assert lost == pytest.approx(2.0 * reduction.item() / 4, rel=1e-3)


def test_every_image_draws_a_step_and_a_prefix(halves, tmp_path):
    draws = Draws(halves, tmp_path, steps=(0.5, 8.0), full_prefix=0.0)
    draws.loss(0.0)
    assert draws.prefix.unique().tolist() == [1, 2, 3, 4]
    assert draws.step.min() >= 0.5
    assert draws.step.max() <= 8.0
    # Half of 64 are expected on either side of the geometric mean, give or take four.
    assert 16 <= (draws.step < 2.0).sum() <= 48
    assert len(draws.step.unique()) > 60


def test_some_latents_are_sent_whole(halves, tmp_path):
    draws = Draws(halves, tmp_path, full_prefix=1.0)
    draws.loss(0.0)
    assert draws.prefix.unique().tolist() == [4]
