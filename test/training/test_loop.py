"""What every step's loop does with an epoch."""

import numpy as np
import pytest
from torch import Tensor, nn

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import Schedule
from jcc_ros.training.loop import Values, fit


class Brightness:
    """An objective of one weight, which any step moves; keeps what it was asked for."""

    name = "brightness"

    def __init__(self) -> None:
        self.module = nn.Linear(1, 1)
        self.batches: list[int] = []
        self.progress: list[float] = []

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        self.batches.append(len(index))
        self.progress.append(progress)
        return module(images.mean(dim=(1, 2, 3))[:, None]).mean(), {}

    def validate(self, module: nn.Module) -> dict[str, float]:
        return {}


def images(count: int) -> LabelledImages:
    pixels = np.full((count, 8, 8, 3), 255, np.uint8)
    return LabelledImages(pixels, np.arange(count) % 2, ("a", "b"))


def test_an_only_batch_trains(run):
    objective = Brightness()
    before = objective.module.weight.item()
    fit(objective, images(20), Schedule(epochs=1), 0, run)
    assert objective.batches == [20]
    assert objective.module.weight.item() < before - 0.05


def test_progress_is_that_of_the_middle_of_a_batch(run):
    objective = Brightness()
    fit(objective, images(20), Schedule(epochs=2, batch=10), 0, run)
    assert objective.progress == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8])


@pytest.mark.parametrize("count", [20, 256, 257, 300, 511, 512, 513])
def test_batches_are_equally_large_and_not_larger_than_asked_for(run, count):
    objective = Brightness()
    fit(objective, images(count), Schedule(epochs=1, batch=256), 0, run)
    assert sum(objective.batches) == count
    assert max(objective.batches) <= 256
    assert max(objective.batches) - min(objective.batches) <= 1


def test_no_image_is_left_alone(run):
    objective = Brightness()
    fit(objective, images(19), Schedule(epochs=1, batch=2), 0, run)
    assert min(objective.batches) == 2
