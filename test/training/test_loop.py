"""What every step's loop does with an epoch."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from tqdm import tqdm

from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.training.config import Schedule
from jcc_ros.training.errors import RunError
from jcc_ros.training.log import LOG_FILE
from jcc_ros.training.loop import Values, fit


class Brightness:
    """An objective of one weight, which any step moves; keeps what it was asked for."""

    name, section = "brightness", "finetune"

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


class Slope(Brightness):
    """One whose gradient is always one: a weight falls by the learning rate in every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[float] = []

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        self.weights.append(self.module.weight.item())
        return self.module.weight.sum(), {}


class Flat(Brightness):
    """One without a slope: only weight decay moves what it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(0))
        for parameter in self.module.parameters():
            nn.init.ones_(parameter)

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        return 0.0 * module(images).sum(), {}


def images(count: int) -> LabelledImages:
    pixels = np.full((count, 8, 8, 3), 255, np.uint8)
    return LabelledImages(pixels, np.arange(count) % 2, ("a", "b"))


def test_progress_rises_evenly_from_zero(run):
    objective = Brightness()
    fit(objective, images(20), Schedule(epochs=2, batch=10), 0, run)
    assert objective.progress == pytest.approx([0, 1 / 4, 1 / 2, 3 / 4])


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(run):
    objective = Slope()
    schedule = {"learning_rate": 0.5, "momentum": 0.0, "weight_decay": 0.0}
    fit(objective, images(40), Schedule(epochs=5, batch=10, **schedule), 0, run)
    rates = -np.diff([*objective.weights, objective.module.weight.item()])
    # The peak of 0.5 is at 0.15 of the 20 batches, the fourth of them.
    rising, falling = 0.5 * np.arange(3) / 3, 0.5 * np.arange(17, 0, -1) / 17
    np.testing.assert_allclose(rates, [*rising, *falling], atol=1e-6)


def test_only_weights_decay(run):
    objective = Flat()
    schedule = {"learning_rate": 0.5, "momentum": 0.0, "weight_decay": 0.1}
    fit(objective, images(40), Schedule(epochs=1, batch=10, **schedule), 0, run)
    convolution, norm, _ = objective.module
    assert convolution.weight.max() < 0.95
    for kept in (convolution.bias, norm.weight, norm.bias):
        assert (kept == 1).all()


@pytest.mark.parametrize("count", [20, 256, 257, 300, 511, 512, 513])
def test_batches_are_equally_large_and_not_smaller_than_asked_for(run, count):
    objective = Brightness()
    fit(objective, images(count), Schedule(epochs=1, batch=256), 0, run)
    assert sum(objective.batches) == count
    assert min(objective.batches) >= min(256, count)
    assert max(objective.batches) - min(objective.batches) <= 1


@pytest.mark.parametrize("broken", ["weight", "running_var"])
def test_what_is_no_number_behind_the_last_update_is_noticed(run, broken):
    class Diverging(Flat):
        """One whose losses are fine."""

        def loss(self, *args: object) -> tuple[Tensor, Values]:
            loss, values = super().loss(*args)
            norm = self.module[1]
            if len(self.batches) == 3:
                getattr(norm, broken).data.fill_(np.inf)
            self.batches.append(1)
            return loss, values

    with pytest.raises(RunError, match=r"diverged in epoch 2.*finetune\.learning_rate"):
        fit(Diverging(), images(20), Schedule(epochs=2, batch=10), 0, run)
    lines = (run.folder / LOG_FILE).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1]


def test_too_little_memory_says_what_to_lower(run):
    class Large(Brightness):
        def loss(self, *args: object) -> tuple[Tensor, Values]:
            raise torch.cuda.OutOfMemoryError

    with pytest.raises(
        RunError, match=r"brightness needs more memory than cpu.*finetune\.batch, now 10"
    ):
        fit(Large(), images(20), Schedule(epochs=1, batch=10), 0, run)


def test_a_full_disk_under_a_checkpoint_says_how_to_go_on(run, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"brightness\.safetensors: .*continue with --resume"):
        fit(Brightness(), images(20), Schedule(epochs=1, batch=10), 0, run)


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
