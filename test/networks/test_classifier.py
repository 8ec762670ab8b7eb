"""The classifier as it is described, as it is trained, and as the host runs it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from trained import as_trained

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier, deploy, restore
from jcc_ros.training.config import read_config

CONFIGS = Path(__file__).parents[2] / "config/train"


@pytest.mark.parametrize(
    ("name", "classes"),
    [("digits", 10), ("cifar10", 10), ("cifar10-second", 10), ("cifar100-second", 100)],
)
def test_is_small(name: str, classes: int) -> None:
    page = read_config(CONFIGS / f"{name}.yaml")
    config = page.classifier.shape(page.encoder.channels, classes)
    assert config.parameters <= 3_000_000


def test_size_of_the_default_shape_by_hand() -> None:
    config = ClassifierConfig(channels=16, classes=10)
    convolutions = 9 * 16 * 256 + 4 * 9 * 256 * 256
    assert config.multiply_adds(4, 4) == 16 * convolutions + 256 * 10
    assert config.parameters == convolutions + 5 * 256 + 256 * 10 + 10


def test_size_of_a_low_rank_by_hand() -> None:
    config = ClassifierConfig(channels=16, classes=10, width=256, blocks=4, rank=140)
    stem, block = 9 * 16 * 256 + 256, 2 * (9 * 256 * 140 + 140 + 140 * 256 + 256)
    assert config.parameters == stem + 4 * block + 256 * 10 + 10


@pytest.mark.parametrize("plane", [(1, 1), (4, 4), (3, 9)])
@pytest.mark.parametrize(("blocks", "rank"), [(0, None), (2, None), (2, 3)])
@torch.no_grad()
def test_computes_what_the_trained_classifier_does(
    plane: tuple[int, int], blocks: int, rank: int | None
) -> None:
    torch.manual_seed(0)
    config = ClassifierConfig(channels=3, classes=7, width=8, blocks=blocks, rank=rank)
    classifier = as_trained(Classifier(config))
    deployed = deploy(classifier)
    for count in (1, 5):
        latents = torch.randn(count, 3, *plane)
        expected = classifier(latents).softmax(dim=1)
        assert expected.shape == (count, 7)
        np.testing.assert_allclose(deployed(latents.numpy()), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("blocks", [0, 2])
@torch.no_grad()
def test_what_the_host_runs_can_be_trained_on(blocks: int) -> None:
    torch.manual_seed(0)
    config = ClassifierConfig(channels=3, classes=7, width=8, blocks=blocks)
    classifier = as_trained(Classifier(config))
    latents = torch.randn(50, 3, 4, 4)
    restored = restore(deploy(classifier), latents)
    assert restored.state_dict().keys() == classifier.state_dict().keys()
    expected = classifier(latents)
    torch.testing.assert_close(restored(latents), expected, rtol=1e-4, atol=1e-4)
    # Nor does a batch of such latents change anything in training, but for the tiny `eps`.
    torch.testing.assert_close(restored.train()(latents), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"classes": 1}, {"width": 0}, {"blocks": 65}])
def test_refuses_unusable_configurations(wrong: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ClassifierConfig(**{"channels": 3, "classes": 10, **wrong})
