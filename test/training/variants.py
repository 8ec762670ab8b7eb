"""Trainings of the tiny configuration, each in a folder of its own."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training import checkpoint
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.log import LOG_FILE
from jcc_ros.training.run import Run
from jcc_ros.training.train import train

FAST = {"batch": 64, "learning_rate": 0.1, "average": 0.5}
ALL_STEPS = {
    "teach": {"epochs": 2, "width": 8, **FAST},
    "represent": {"epochs": 2, "channels": 6, **FAST},
    "screen": {"tolerance": 0.05},
}

Tensors = dict[str, torch.Tensor]


class Trainings:
    """Trains variants of one configuration on the same images."""

    def __init__(self, folder: Path, page: dict, data: LabelledImages) -> None:
        self.folder, self.page, self.data = folder, page, data

    def run(
        self,
        name: str,
        resume: bool = False,
        only: str | None = None,
        teacher: str | None = None,
        start: Path | None = None,
        command: str = "",
        **changes: object,
    ) -> None:
        """Train in the folder `name`; `changes` replace keys of the page or of its sections.

        Args:
            teacher: name of the training whose teacher is taken over.
            start: folder of the model whose networks are trained further.
            command: that is said to have started it.
        """
        page = dict(self.page)
        for key, value in changes.items():
            page[key] = {**page[key], **value} if isinstance(value, dict) else value
        config = TrainConfig.model_validate(page)
        lender = self.place(teacher).folder if teacher else None
        places = self.place(name), self.out(name)
        train(config, self.data, *places, resume, only, lender, start, command)

    def interrupt(
        self, name: str, step: str, monkeypatch: pytest.MonkeyPatch, **options: object
    ) -> None:
        """Train until Ctrl-C in the second epoch of a step, while it draws its views."""
        reached = []

        def save(file: Path, *args: object) -> None:
            original(file, *args)
            reached.append(file.stem)

        def rand(*args: object, **kwargs: object) -> torch.Tensor:
            if step in reached:
                raise KeyboardInterrupt
            return draw(*args, **kwargs)

        original, draw = checkpoint.save, torch.rand
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoint, "save", save)
            patch.setattr(torch, "rand", rand)
            self.run(name, **options)

    def place(self, name: str) -> Run:
        return Run(self.folder / name / "run", torch.device("cpu"), bfloat16=False)

    def out(self, name: str) -> Path:
        return self.folder / name / "model"

    def model(self, name: str) -> Tensors:
        return {
            f"{half}.{key}": tensor
            for half in ("encoder", "classifier")
            for key, tensor in load_file(self.out(name) / f"{half}.safetensors").items()
        }

    def log(self, name: str) -> list[dict]:
        """Return the lines of the log, but for the time they took."""
        lines = (self.place(name).folder / LOG_FILE).read_text().splitlines()
        return [{**json.loads(line), "seconds": None} for line in lines]


def equal(a: Tensors, b: Tensors) -> bool:
    """Say whether two models are the same bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
