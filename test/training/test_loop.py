"""What every step's loop does with an epoch."""

import json

import numpy as np
import pytest
from torch import Tensor, nn
from tqdm import tqdm

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import Schedule
from jcc_ros.training.log import LOG_FILE
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


def test_progress_rises_evenly_from_zero(run):
    objective = Brightness()
    fit(objective, images(20), Schedule(epochs=2, batch=10), 0, run)
    assert objective.progress == pytest.approx([0, 1 / 4, 1 / 2, 3 / 4])


@pytest.mark.parametrize("count", [20, 256, 257, 300, 511, 512, 513])
def test_batches_are_equally_large_and_not_smaller_than_asked_for(run, count):
    objective = Brightness()
    fit(objective, images(count), Schedule(epochs=1, batch=256), 0, run)
    assert sum(objective.batches) == count
    assert min(objective.batches) >= min(256, count)
    assert max(objective.batches) - min(objective.batches) <= 1


def test_an_epoch_is_shown_when_it_need_not_be_repeated(run, monkeypatch):
    def interrupted(text: str) -> None:
        assert text.startswith("stage brightness  epoch 1")
        raise KeyboardInterrupt

    schedule = Schedule(epochs=2, batch=10)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tqdm, "write", interrupted)
        fit(Brightness(), images(20), schedule, 0, run)
    resumed = Brightness()
    fit(resumed, images(20), schedule, 0, run)
    assert resumed.progress == pytest.approx([1 / 2, 3 / 4])
    lines = (run.folder / LOG_FILE).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
