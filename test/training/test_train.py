"""One seed gives one model, whether the training was interrupted or not."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from variants import Trainings, equal

from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.networks.model import load_model
from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.log import LOG_FILE
from jcc_ros.training.loop import check_batches
from jcc_ros.training.run import Run
from jcc_ros.training.train import colour_statistics


def test_one_seed_one_model(trainings):
    for name in ("first", "again"):
        trainings.run(name)
    trainings.run("other", seed=1)
    assert equal(trainings.model("first"), trainings.model("again"))
    assert not equal(trainings.model("first"), trainings.model("other"))


@pytest.mark.parametrize("step", ["teach", "represent", "finetune"])
def test_resumed_training_gives_the_uninterrupted_model(steps, monkeypatch, step):
    steps.run("whole")
    steps.interrupt("broken", step, monkeypatch)
    place = steps.place("broken")
    assert place.unfinished()
    place.log.add(step, epoch=2, loss="of an epoch whose checkpoint was not written")
    steps.run("broken", resume=True)
    assert not place.unfinished()
    assert equal(steps.model("broken"), steps.model("whole"))
    assert steps.log("broken") == steps.log("whole")


def test_training_interrupted_behind_screening_screens_no_second_time(steps, monkeypatch):
    steps.run("whole")
    steps.interrupt("broken", "screen", monkeypatch)
    screened = steps.place("broken").checkpoint("screen")
    before = screened.stat()
    steps.run("broken", resume=True)
    assert screened.stat() == before
    assert equal(steps.model("broken"), steps.model("whole"))
    assert steps.log("broken") == steps.log("whole")


def test_damaged_lines_of_the_log_cost_themselves(trainings, monkeypatch):
    trainings.run("whole")
    trainings.interrupt("broken", "finetune", monkeypatch)
    with (trainings.place("broken").folder / LOG_FILE).open("ab") as log:
        log.write(b"{}\n\xff\xfe}\n[1]\n")
        log.write(b'{"stage": "finetune", "epo')  # the power went
    trainings.run("broken", resume=True)
    assert trainings.log("broken") == trainings.log("whole")


@pytest.mark.parametrize("record", ["[]", "{}", '{"finished": false, "subject": 5}', "\xff"])
def test_a_damaged_record_is_named(trainings, monkeypatch, record):
    trainings.interrupt("broken", "finetune", monkeypatch)
    file = trainings.place("broken").folder / "run.json"
    file.write_text(record)
    with pytest.raises(RunError, match=r"run\.json"):
        trainings.run("broken", resume=True)


def test_a_checkpoint_of_another_network_is_named(trainings, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    (trainings.place("broken").folder / "run.json").unlink()
    with pytest.raises(RunError, match=r"finetune\.safetensors: the checkpoint of a different"):
        trainings.run("broken", resume=True, classifier={"width": 20})


@pytest.mark.parametrize("name", ["run.json", "validation.txt", "screen.json"])
def test_a_full_disk_is_told_by_the_file(steps, monkeypatch, name):
    write, (stem, suffix) = Path.write_bytes, name.split(".")

    def full(file: Path, content: bytes) -> int:
        if file.name == f".{stem}.partial.{suffix}":
            raise OSError(28, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    del steps.page["teach"]
    with pytest.raises(DataError, match=rf"{name}: cannot be written: No space left"):
        steps.run("run")
    assert not (steps.place("run").folder / name).exists()


def test_a_full_disk_leaves_the_model_that_is_there(trainings, monkeypatch):
    def full(*_: object) -> None:
        raise DataError("no space")

    trainings.run("run", finetune={"epochs": 1})
    before = trainings.model("run")
    with monkeypatch.context() as patch, pytest.raises(DataError):
        patch.setattr("jcc_ros.training.publish.save_classifier", full)
        trainings.run("run", finetune={"epochs": 1}, seed=1)
    assert equal(trainings.model("run"), before)
    assert trainings.place("run").unfinished()


def test_what_was_reached_lasts_through_a_power_cut(trainings, monkeypatch):
    synced, sync = [], os.fsync

    def record(opened: int) -> None:
        synced.append(Path(f"/proc/self/fd/{opened}").resolve().name)
        sync(opened)

    monkeypatch.setattr(os, "fsync", record)
    trainings.run("run", finetune={"epochs": 1})
    for file in (LOG_FILE, ".finetune.partial.safetensors", ".run.partial.json"):
        assert file in synced


def test_starting_anew_forgets_the_interrupted_training(steps, monkeypatch):
    steps.interrupt("broken", "finetune", monkeypatch)
    steps.page = {key: value for key, value in steps.page.items() if key != "teach"}
    steps.run("broken")
    steps.run("whole")
    assert equal(steps.model("broken"), steps.model("whole"))
    left = [
        sorted(file.name for file in steps.place(n).folder.iterdir()) for n in ("broken", "whole")
    ]
    assert left[0] == left[1]


def test_resuming_something_else_is_refused(trainings, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    before = trainings.place("broken").checkpoint("finetune").read_bytes()
    with pytest.raises(RunError, match=r"configuration\.finetune\.epochs 3, but now it is 5"):
        trainings.run("broken", resume=True, finetune={"epochs": 5})
    trainings.data = trainings.data.sample(390, seed=1)
    with pytest.raises(RunError, match=r"data\.sha256"):
        trainings.run("broken", resume=True)
    assert trainings.place("broken").checkpoint("finetune").read_bytes() == before


def test_resuming_with_other_processes_is_refused(trainings, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    file = trainings.place("broken").folder / "run.json"
    file.write_text(file.read_text().replace('"processes": 1', '"processes": 2'))
    with pytest.raises(RunError, match="the training began with processes 2, but now it is 1"):
        trainings.run("broken", resume=True)
    trainings.run("broken", only="finetune")  # from its beginning
    trainings.run("whole", only="finetune")
    assert trainings.log("broken") == trainings.log("whole")


def test_batches_that_processes_cannot_share_are_refused(trainings, monkeypatch):
    place = Trainings.place
    monkeypatch.setattr(
        Trainings, "place", lambda self, name: replace(place(self, name), processes=9)
    )
    refused = r"finetune\.batch 16: 9 processes share batches of 16 of the 320 images"
    with pytest.raises(ConfigError, match=refused):
        trainings.run("run")
    assert not trainings.place("run").folder.exists()
    trainings.page["finetune"]["batch"] = 18
    config = TrainConfig.model_validate(trainings.page)
    check_batches(config, config.steps, 360, trainings.place("run"))


def test_a_step_of_one_batch_is_refused(trainings):
    refused = r"finetune\.batch 400: all 320 images are one batch, and a single epoch"
    with pytest.raises(ConfigError, match=refused):
        trainings.run("run", finetune={"epochs": 1, "batch": 400})
    assert not trainings.place("run").folder.exists()


def test_batches_of_a_step_that_is_not_run_do_not_matter(steps):
    del steps.page["represent"], steps.page["screen"]
    steps.run("lender", only="teach")
    lone = {"epochs": 1, "batch": 400}
    refused = r"finetune\.batch 400: all 320 images are one batch"
    with pytest.raises(ConfigError, match=refused):
        steps.run("pupil", only="finetune", teacher="lender", finetune=lone)
    with pytest.raises(RunError, match=r"calibrate needs the result of finetune"):
        steps.run("pupil", only="calibrate", teacher="lender", finetune=lone)
    with pytest.raises(ConfigError, match=r"teach\.batch 400: all 320 images are one batch"):
        steps.run("pupil", teach=lone)
    with pytest.raises(RunError, match=r"teach ran there with configuration\.teach\.batch 64"):
        steps.run("pupil", teacher="lender", teach=lone)


def test_calibration_may_change_when_resuming(trainings, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    trainings.run("broken", resume=True, calibrate={"points": 1})
    encoder, _ = load_model(trainings.out("broken"))
    assert len(encoder.codec.ladder) == 1


def test_damaged_checkpoint_is_named(trainings, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    file = trainings.place("broken").checkpoint("finetune")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"not a readable checkpoint.*delete it") as caught:
        trainings.run("broken", resume=True)
    assert str(file) in str(caught.value)
    file.unlink()
    trainings.run("broken", resume=True)
    trainings.run("whole")
    assert equal(trainings.model("broken"), trainings.model("whole"))


def test_a_repeated_step_is_logged_once(steps):
    steps.run("model")
    file = steps.place("model").folder / "log.jsonl"
    before = stages_and_epochs(file)
    steps.place("model").checkpoint("finetune").unlink()
    steps.run("model", resume=True)
    assert sorted(stages_and_epochs(file)) == sorted(before)


def stages_and_epochs(file: Path) -> list[tuple[str, int]]:
    lines = map(json.loads, file.read_text().splitlines())
    return [(line["stage"], line.get("epoch", 0)) for line in lines]


def test_average_is_no_copy_of_the_last_step(trainings, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    tensors = load_file(trainings.place("broken").checkpoint("finetune"))
    last, average = (
        tensors[f"{name}encoder.layers.0.conv.weight"] for name in ("module.", "average.module.")
    )
    assert not torch.equal(last, average)
    torch.testing.assert_close(last, average, rtol=0.5, atol=0.1)


def test_loss_that_is_no_number_is_noticed(trainings):
    trainings.page["finetune"]["learning_rate"] = 1e9
    with pytest.raises(RunError, match=r"diverged in epoch 1.*lower finetune\.learning_rate"):
        trainings.run("hot")
    assert not trainings.place("hot").checkpoint("finetune").exists()


def test_provenance_tells_how_the_model_was_made(trainings):
    trainings.run("model")
    encoder, classifier = load_model(trainings.out("model"))
    assert encoder.provenance == classifier.provenance
    configuration = encoder.provenance["configuration"]
    assert configuration["finetune"]["epochs"] == 3
    assert not {"mean", "std"} & configuration["encoder"].keys()  # measured, not configured
    assert encoder.provenance["images"] == {"train": 320, "validation": 80}
    assert encoder.provenance["data"] == {"sha256": trainings.data.sha256}


def test_curves_go_to_tensorboard(trainings, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainings.interrupt("broken", "finetune", monkeypatch)
    trainings.run("broken", resume=True)
    events = EventAccumulator(str(trainings.place("broken").folder / "tensorboard" / "finetune"))
    events.Reload()
    shown = [(event.step, event.value) for event in events.Scalars("loss")]
    logged = [(line["epoch"], line["loss"]) for line in trainings.log("broken") if "epoch" in line]
    assert shown == [(epoch, pytest.approx(loss)) for epoch, loss in logged]
    assert "validation_accuracy" in events.Tags()["scalars"]


def test_log_is_json_line_by_line(trainings):
    trainings.run("model")
    lines = (trainings.place("model").folder / "log.jsonl").read_text().splitlines()
    stages = [json.loads(line)["stage"] for line in lines]
    assert stages[:3] == ["finetune"] * 3
    assert set(stages[3:]) == {"calibrate"}


def test_colour_statistics_are_those_of_all_pixels():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (7, 8, 8, 3), np.uint8)
    images[..., 2] = 51
    found = colour_statistics(LabelledImages(images, np.zeros(7, np.int64), ("a",)))
    np.testing.assert_allclose(found["mean"], images.mean(axis=(0, 1, 2)) / 255, atol=1e-4)
    expected = images.std(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(found["std"], [*expected[:2], 1.0], atol=1e-4)


def test_another_precision_is_told(trainings, monkeypatch, caplog):
    trainings.interrupt("run", "finetune", monkeypatch)
    place = Trainings.place
    monkeypatch.setattr(
        Trainings, "place", lambda self, name: replace(place(self, name), bfloat16=True)
    )
    trainings.run("run", resume=True)
    assert "began in float32 on cpu and continues in bfloat16 on cpu" in caplog.text


def test_a_model_in_the_folder_of_a_run_is_no_checkpoint(tiny_model, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model, folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    place = Run(folder, torch.device("cpu"), bfloat16=False)
    assert not place.begun()
    place.begin({"configuration": {}}, resume=False)
    place.repeat({"configuration": {}}, ["finetune"], False, {}, ["classifier"])
    assert {name: (folder / name).read_bytes() for name in before} == before
