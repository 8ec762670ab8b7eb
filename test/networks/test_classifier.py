from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError

from jcc_ros.networks.classifier import Classifier, ClassifierConfig

CONFIGS = Path(__file__).parents[2] / "config/train"


@pytest.mark.parametrize("name", ["cifar10.yaml", "digits.yaml"])
def test_is_small(name: str) -> None:
    found = yaml.safe_load((CONFIGS / name).read_text())
    channels = found["encoder"]["channels"]
    network = Classifier(ClassifierConfig(channels=channels, classes=10, **found["classifier"]))
    assert sum(weight.numel() for weight in network.parameters()) <= 3_000_000


@pytest.mark.parametrize("plane", [(1, 1), (4, 4), (3, 9)])
@pytest.mark.parametrize("blocks", [0, 2])
@torch.no_grad()
def test_reads_latents_of_any_size(plane: tuple[int, int], blocks: int) -> None:
    config = ClassifierConfig(channels=3, classes=7, width=8, blocks=blocks)
    assert Classifier(config).eval()(torch.zeros(2, 3, *plane)).shape == (2, 7)


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"classes": 1}, {"width": 0}, {"blocks": 65}])
def test_refuses_unusable_configurations(wrong: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ClassifierConfig(**{"channels": 3, "classes": 10, **wrong})
