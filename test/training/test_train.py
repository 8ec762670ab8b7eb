"""One seed gives one model, whether the training was interrupted or not."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.networks.model import load_model
from jcc_ros.training import checkpoint
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.run import Run, RunError
from jcc_ros.training.train import split, train

pytestmark = pytest.mark.usefixtures("one_thread")


class Trainings:
    """Trains the tiny configuration, each training in a folder of its own."""

    def __init__(self, folder: Path, page: dict, data: LabelledImages) -> None:
        self.folder, self.page, self.data = folder, page, data
        page["finetune"]["epochs"] = 3

    def run(self, name: str, resume: bool = False, **changes: object) -> dict[str, torch.Tensor]:
        """Return the model's tensors; `changes` replace keys of the page or of its sections."""
        page = {
            key: {**value, **{k: v for k, v in changes.items() if k in value}}
            if isinstance(value, dict)
            else changes.get(key, value)
            for key, value in {"seed": 0, **self.page}.items()
        }
        out = self.folder / name / "model"
        train(TrainConfig.model_validate(page), self.data, self.place(name), out, resume)
        return {
            f"{half}.{key}": tensor
            for half in ("encoder", "classifier")
            for key, tensor in load_file(out / f"{half}.safetensors").items()
        }

    def place(self, name: str) -> Run:
        return Run(self.folder / name / "run", torch.device("cpu"), bfloat16=False)

    def interrupt(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Train until Ctrl-C in the middle of the third epoch."""
        saved = []

        def save(*args: object) -> None:
            original(*args)
            saved.append(args)

        def rand_like(x: torch.Tensor) -> torch.Tensor:
            if len(saved) == 2:
                raise KeyboardInterrupt
            return noise(x)

        original, noise = checkpoint.save, torch.rand_like
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoint, "save", save)
            patch.setattr(torch, "rand_like", rand_like)
            self.run(name)


@pytest.fixture
def trainings(tmp_path, tiny_config, few_digits) -> Trainings:
    return Trainings(tmp_path, tiny_config, few_digits)


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_one_seed_one_model(trainings):
    first = trainings.run("first")
    assert equal(first, trainings.run("again"))
    assert not equal(first, trainings.run("other", seed=1))


def test_resumed_training_gives_the_uninterrupted_model(trainings, monkeypatch):
    whole = trainings.run("whole")
    trainings.interrupt("broken", monkeypatch)
    place = trainings.place("broken")
    assert place.unfinished()
    place.log(stage="finetune", epoch=3, loss="of an epoch whose checkpoint was not written")
    assert equal(whole, trainings.run("broken", resume=True))
    assert not place.unfinished()

    def curve(name: str) -> list[dict]:
        lines = (trainings.place(name).folder / "log.jsonl").read_text().splitlines()
        return [{**json.loads(line), "seconds": None} for line in lines]

    assert curve("broken") == curve("whole")


def test_starting_anew_forgets_the_interrupted_training(trainings, monkeypatch):
    trainings.interrupt("broken", monkeypatch)
    assert equal(trainings.run("broken"), trainings.run("whole"))


def test_resuming_something_else_is_refused(trainings, monkeypatch):
    trainings.interrupt("broken", monkeypatch)
    before = trainings.place("broken").checkpoint("finetune").read_bytes()
    with pytest.raises(RunError, match=r"configuration\.finetune\.epochs 3, now it is 5"):
        trainings.run("broken", resume=True, epochs=5)
    trainings.data = trainings.data.sample(390, seed=1)
    with pytest.raises(RunError, match=r"data\.sha256"):
        trainings.run("broken", resume=True)
    assert trainings.place("broken").checkpoint("finetune").read_bytes() == before


def test_calibration_may_change_when_resuming(trainings, monkeypatch):
    trainings.interrupt("broken", monkeypatch)
    trainings.run("broken", resume=True, points=1)
    encoder, _ = load_model(trainings.folder / "broken" / "model")
    assert len(encoder.codec.ladder) == 1


def test_damaged_checkpoint_is_named(trainings, monkeypatch):
    trainings.interrupt("broken", monkeypatch)
    file = trainings.place("broken").checkpoint("finetune")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(RunError, match="no readable checkpoint") as caught:
        trainings.run("broken", resume=True)
    assert str(file) in str(caught.value)


def test_average_is_no_copy_of_the_last_step(trainings, monkeypatch):
    trainings.interrupt("broken", monkeypatch)
    tensors = load_file(trainings.place("broken").checkpoint("finetune"))
    last = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
    key = "encoder.layers.0.conv.weight"
    assert not torch.equal(last[key], tensors[f"average.module.{key}"])
    torch.testing.assert_close(last[key], tensors[f"average.module.{key}"], rtol=0.5, atol=0.1)


def test_provenance_tells_how_the_model_was_made(trainings):
    trainings.run("model")
    encoder, classifier = load_model(trainings.folder / "model" / "model")
    assert encoder.provenance == classifier.provenance
    assert encoder.provenance["configuration"]["finetune"]["epochs"] == 3
    assert encoder.provenance["images"] == {"train": 320, "validation": 80}


@pytest.fixture
def uneven() -> LabelledImages:
    """Classes of 200, 100 and 20 images; every image's pixels tell its index."""
    labels = np.repeat([0, 1, 2], [200, 100, 20])
    images = np.zeros((len(labels), 8, 8, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(320) % 256, np.arange(320) // 256
    return LabelledImages(images, labels, ("many", "some", "few"))


def test_split_is_stratified_disjoint_and_whole(uneven):
    learn, held = split(uneven, 0.1, seed=0)
    np.testing.assert_array_equal(np.bincount(held.labels), [20, 10, 2])
    assert len(learn) + len(held) == len(uneven)
    seen = {image.tobytes() for image in learn.images} | {image.tobytes() for image in held.images}
    assert len(seen) == len(uneven)


def test_split_follows_the_seed(uneven):
    first, again, other = (split(uneven, 0.1, seed)[1].images for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_images_are_refused_by_class(uneven):
    with pytest.raises(DataError, match=r"class 'few' has 9 images, training needs 10"):
        split(uneven.subset(np.arange(309)), 0.1, seed=0)
