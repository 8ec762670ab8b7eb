"""Convolutions by Winograd's algorithm: the same scores, fewer multiplications."""

from pathlib import Path

import numpy as np
import pytest
import torch
from trained import as_trained

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier, deploy
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.winograd import WinogradClassifier, for_batches

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize(("blocks", "rank"), [(0, None), (1, None), (3, None), (2, 4)])
@pytest.mark.parametrize(("channels", "width"), [(3, 5), (16, 24), (5, 3)])
def test_scores_are_the_classifiers(
    channels: int, width: int, blocks: int, rank: int | None
) -> None:
    torch.manual_seed(0)
    config = ClassifierConfig(channels=channels, classes=7, width=width, blocks=blocks, rank=rank)
    deployed = deploy(as_trained(Classifier(config)))
    quick = WinogradClassifier(deployed)
    for count in (1, 7, 64):
        latents = np.random.default_rng(count).normal(size=(count, channels, 4, 4))
        latents = latents.astype(np.float32)
        np.testing.assert_allclose(quick(latents), deployed(latents), atol=2e-5)


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_scores_of_the_models_stay(name: str) -> None:
    model = load_classifier(MODELS / name)
    quick = for_batches(model)
    assert isinstance(quick, WinogradClassifier)
    latents = np.random.default_rng(0).normal(0, 2, (100, *model.codec.ladder.shape))
    latents = latents.astype(np.float32)
    np.testing.assert_allclose(quick(latents), model.network(latents), atol=2e-5)


def test_other_maps_are_left_to_the_convolution(
    halves: tuple[EncoderModel, ClassifierModel],
) -> None:
    assert for_batches(halves[1]) == halves[1].network
