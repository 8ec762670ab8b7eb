"""The two halves as they are trained, with and without what quantisation does to the latent."""

import pytest
import torch

from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.finetune import Halves

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
