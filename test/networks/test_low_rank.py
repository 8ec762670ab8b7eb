"""A classifier of a lower rank computes nearly the same."""

import numpy as np
import pytest
import torch
from trained import as_trained

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier, deploy
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.low_rank import low_rank, whole


@pytest.fixture
def latents() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(200, 3, 4, 4)


def classifier(rank: int | None = None) -> DeployedClassifier:
    torch.manual_seed(0)
    config = ClassifierConfig(channels=3, classes=5, width=12, blocks=2, rank=rank)
    return deploy(as_trained(Classifier(config)))


def error(rank: int, latents: torch.Tensor) -> float:
    """Mean difference of scores from those of the whole classifier."""
    deployed = classifier()
    reduced = low_rank(deployed, rank, latents)
    config = deployed.config
    assert reduced.config == config.model_copy(update={"rank": rank})
    return float(np.abs(deploy(reduced)(latents.numpy()) - deployed(latents.numpy())).mean())


def test_the_whole_rank_changes_nothing(latents):
    assert error(12, latents) < 1e-5


def test_the_lower_the_rank_the_larger_the_error(latents):
    errors = [error(rank, latents) for rank in (10, 6, 2)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1] / 2


def test_it_is_better_than_directions_at_random(latents, monkeypatch):
    best = error(6, latents)
    eigh = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda matrix: eigh(torch.rand_like(matrix).cov()))
    assert best < error(6, latents) / 1.5


@pytest.mark.parametrize("rank", [None, 4])
def test_whole_convolutions_compute_the_same(rank, latents):
    deployed = classifier(rank)
    same = whole(deployed)
    assert same.config == classifier().config
    np.testing.assert_allclose(same(latents.numpy()), deployed(latents.numpy()), atol=1e-6)
