"""The two halves as they are trained, with and without what quantisation does to the latent."""

import numpy as np
import pytest
import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.config import Finetune, TrainConfig
from jcc_ros.training.finetune import EndToEnd, Halves
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
    sent, bits = halves(images, step, whole, LABELS)
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
    sent, _ = halves(images, step, whole, LABELS)
    assert (sent - bare).abs().max() > 0.05


@pytest.mark.parametrize("by_class", [True, False])
def test_the_rate_knows_the_class_unless_it_is_told_not_to(halves, by_class):
    halves = Halves(halves.encoder, halves.classifier, by_class).eval()
    halves.rate.centre[-1] += 5.0  # the density of one class, or of all
    images = torch.rand(1, 3, 32, 32).expand(5, -1, -1, -1)
    step, whole = torch.full((5, 1, 1, 1), FINE), torch.full((5, 1, 1, 1), 4)
    _, bits = halves(images, step, whole, torch.arange(5))
    torch.testing.assert_close(bits[:4], bits[:1].expand(4), rtol=1e-3, atol=0)
    assert (bits[4] > 1.2 * bits[0]).item() == by_class


def test_the_weight_of_the_rate_grows_until_the_warm_up_ends(halves, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    data = LabelledImages(pixels, np.arange(64) % 5, tuple("abcde"))
    stage = Finetune(epochs=1, rate_weight=1.0, rate_warm_up=0.5)
    page = TrainConfig(name="any", encoder=halves.encoder.config, finetune=stage)
    run = Run(tmp_path, torch.device("cpu"), bfloat16=False)
    objective = EndToEnd(halves.eval(), data, data, page, run, teacher=None)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255

    def loss(progress: float) -> float:
        torch.manual_seed(1)
        return objective.loss(halves, images, torch.arange(64), progress)[0].item()

    none, half, whole = loss(0.0), loss(0.25), loss(0.5)
    assert none < half
    assert half - none == pytest.approx((whole - none) / 2, rel=1e-3)
    assert loss(0.9) == whole
