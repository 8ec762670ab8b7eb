"""Convolutions by Winograd's algorithm: the same numbers, another memory layout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.winograd import Winograd, WinogradClassifier, for_batches

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("shape", [(1, 3, 5), (7, 16, 16), (64, 5, 3)], ids=str)
@torch.no_grad()
def test_it_is_the_convolution(shape: tuple[int, int, int]) -> None:
    batch, channels_in, channels_out = shape
    torch.manual_seed(0)
    conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
    maps = torch.randn(batch, channels_in, 4, 4)
    quick = Winograd(conv.weight, conv.bias)
    torch.testing.assert_close(quick(maps), conv(maps), rtol=1e-4, atol=1e-5)
    # Its own layout, and another one, are read right.
    square = nn.Conv2d(channels_out, channels_out, 3, padding=1)
    expected = square(torch.relu(conv(maps)))
    torch.testing.assert_close(
        Winograd(square.weight, square.bias)(torch.relu(quick(maps))),
        expected,
        rtol=1e-4,
        atol=1e-5,
    )
    dense = maps.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(quick(dense), conv(maps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_scores_of_the_models_stay(name: str) -> None:
    model = load_classifier(MODELS / name)
    quick = for_batches(model)
    assert isinstance(quick, WinogradClassifier)
    latents = np.random.default_rng(0).normal(0, 2, (100, *model.codec.ladder.shape))
    latents = latents.astype(np.float32)
    np.testing.assert_allclose(quick(latents), model.scores(latents), atol=2e-5)


def test_other_maps_are_left_to_the_convolution(
    halves: tuple[EncoderModel, ClassifierModel],
) -> None:
    assert for_batches(halves[1]) == halves[1].scores
