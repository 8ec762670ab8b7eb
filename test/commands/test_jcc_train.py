"""`jcc train`: from a page of YAML to model files, with nothing lost on the way."""

import errno
import fcntl
import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from photos import write_photos
from safetensors.torch import load_file
from torch.distributed.run import parse_args

from jcc_ros.datasets.files import save_folder, save_npz
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.model import load_model

ROOT = Path(__file__).resolve().parents[2]

# Where a shell started the tests in the background, SIGINT is ignored, and children inherit that.
_JCC = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jcc_ros.commands.cli import main
sys.exit(main())
"""


@pytest.fixture
def places(tmp_path) -> list:
    return ["--out", tmp_path / "model", "--runs", tmp_path / "runs", "--threads", 1]


def test_a_place_for_the_model_is_looked_for_first(jcc, refused, config, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        error = refused("train", config(), "--runs", tmp_path / "runs", "--out", out)
        assert f"--out {out}: no model can be written there" in error
    assert not (tmp_path / "runs").exists()
    # Nobody needs one where no model is written.
    assert jcc("train", config(), "--out", tmp_path / "file", "--benchmark").status == 0


def test_a_place_for_checkpoints_is_looked_for_first(refused, config, tmp_path):
    (tmp_path / "file").write_text("")
    for runs in (tmp_path / "file", tmp_path / "file" / "deeper"):
        error = refused("train", config(), "--runs", runs, "--out", tmp_path / "model")
        assert f"--runs {runs}: no checkpoints can be written there" in error


def test_a_readme_that_is_no_model_card_is_not_replaced(jcc, refused, config, tmp_path):
    (tmp_path / "proj").mkdir()
    (tmp_path / "proj" / "README.md").write_text("precious")
    words = ["train", config(data="files"), "--runs", tmp_path / "runs", "--out", tmp_path / "proj"]
    error = refused(*words)
    assert f"--out {tmp_path / 'proj'}: there is a README.md but no model" in error
    assert f"give another folder, such as {tmp_path / 'proj' / 'tiny'}" in error
    assert not (tmp_path / "runs").exists()
    assert (tmp_path / "proj" / "README.md").read_text() == "precious"
    # A half of a model is one, too.
    (tmp_path / "proj" / "classifier.safetensors").write_text("")
    assert "give --data" in refused(*words)


def test_digits(jcc, config, places, tmp_path):
    outcome = jcc("train", config(), *places)
    assert outcome.status == 0, outcome.err
    assert "1198 images, 10 classes, on 1 x cpu" in outcome.out
    encoder, classifier = load_model(tmp_path / "model")
    ladder = encoder.codec.ladder
    span = f"from {ladder[0].bits:.1f} to {ladder[-1].bits:.1f} bits"
    assert f"\noperating points: {len(ladder)}, {span}\n" in outcome.out
    assert encoder.name == classifier.name == "tiny"
    assert {file.name for file in (tmp_path / "runs" / "tiny").iterdir()} == {
        "finetune.safetensors",
        "lock",
        "log.jsonl",
        "run.json",
        "tensorboard",
        "validation.txt",
    }


def test_default_folders_follow_the_name(jcc, config, tmp_path, monkeypatch):
    page = config(name="other")
    monkeypatch.chdir(tmp_path)
    assert jcc("train", page).status == 0
    assert (tmp_path / "models" / "other" / "encoder.safetensors").is_file()
    assert (tmp_path / "runs" / "other" / "log.jsonl").is_file()


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_own_images(jcc, config, places, few_digits, tmp_path, kind):
    data = tmp_path / ("own.npz" if kind == "npz" else "own")
    (save_npz if kind == "npz" else save_folder)(few_digits, data)
    outcome = jcc("train", config(data="files"), "--data", data, *places)
    assert outcome.status == 0, outcome.err
    assert load_model(tmp_path / "model")[1].classes == few_digits.classes


def test_other_input_size(jcc, config, places, tiny_config, tmp_path):
    encoder = {**tiny_config["encoder"], "input": {"height": 24, "width": 40}}
    outcome = jcc("train", config(encoder=encoder), *places)
    assert outcome.status == 0, outcome.err
    assert load_model(tmp_path / "model")[0].network.config.input.width == 40


def test_a_precision_that_goes_wrong_here(refused, config, places, tiny_config):
    encoder = {**tiny_config["encoder"], "input": {"height": 224, "width": 32}}
    page = config(encoder=encoder, precision="bfloat16")
    for words in places, ["--benchmark"]:
        error = refused("train", page, "--device", "cpu", *words)
        assert "precision bfloat16: on CPUs" in error


def test_missing_data(refused, config, places):
    page = config(data="files")
    error = refused("train", page, *places)
    assert str(page) in error
    assert "--data" in error


def test_data_that_would_be_ignored(refused, config, places, digits_npz):
    assert "digits" in refused("train", config(), "--data", digits_npz, *places)


def test_wrong_paths(refused, config, places, tmp_path):
    missing = tmp_path / "missing"
    assert str(missing) in refused("train", missing, *places)
    assert str(missing) in refused("train", config(data="files"), "--data", missing, *places)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"finetune": {"epoch": 3}}, "finetune.epoch"),
        ({"finetune": {"epochs": 3, "epoch": 3}}, "finetune.epoch"),
        ({"finetune": {"epochs": 0}}, "finetune.epochs"),
        ({"calibrate": {"points": 99}}, "calibrate.points"),
        ({"encoder": {"input": {"height": 4, "width": 32}}}, "encoder.input.height"),
        ({"name": "../up"}, "name"),
    ],
)
def test_wrong_configuration_names_file_and_key(refused, config, places, changes, key):
    page = config(**changes)
    assert f"{page}: {key}: " in refused("train", page, *places)


@pytest.mark.parametrize("text", ["", "- a list", "name: [unclosed"])
def test_page_that_is_none(jcc, tmp_path, text):
    page = tmp_path / "page.yaml"
    page.write_text(text)
    outcome = jcc("train", page)
    assert outcome.status == 1
    assert str(page) in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_device_that_is_missing(refused, config):
    assert "CUDA" in refused("train", config(), "--device", "cuda")


def test_class_with_too_few_images(refused, config, places, few_digits, tmp_path):
    save_npz(few_digits.sample(30, seed=0), tmp_path / "few.npz")
    error = refused("train", config(data="files"), "--data", tmp_path / "few.npz", *places)
    assert "training needs at least 10 of every class" in error


@pytest.fixture
def started(tiny_config, config, places, tmp_path):
    """A training in a process of its own that has just finished its first epoch of many."""
    page = config(finetune={**tiny_config["finetune"], "epochs": 8})
    words = ["train", page, *places]
    process = subprocess.Popen(
        [sys.executable, "-c", _JCC, *map(str, words)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not (tmp_path / "runs" / "tiny" / "finetune.safetensors").is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield process, words
    process.kill()
    process.wait()


def _model(folder: Path) -> dict[str, torch.Tensor]:
    halves = ("encoder", "classifier")
    return {
        f"{h}.{k}": v for h in halves for k, v in load_file(folder / f"{h}.safetensors").items()
    }


def test_killed_and_resumed_equals_uninterrupted(started, jcc, refused, tmp_path):
    process, words = started
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "model").exists()

    for step in [], ["--only", "finetune"]:
        error = refused(*words, *step)
        assert "--resume" in error
        assert "--restart" in error

    assert jcc(*words, "--resume").status == 0
    resumed = _model(tmp_path / "model")
    model_id = load_model(tmp_path / "model")[0].codec.model_id
    # A finished training may be repeated without further words.
    again = jcc(*words)
    assert again.status == 0
    assert f"the model tiny ({model_id[:8]}) in {tmp_path / 'model'} will be replaced" in again.out
    assert "will be replaced" not in jcc(*words, "--only", "finetune").out
    whole = _model(tmp_path / "model")
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


@pytest.mark.parametrize("word", ["--resume", "--restart"])
def test_a_training_that_runs_is_left_alone(started, refused, tmp_path, word):
    process, words = started
    os.kill(process.pid, signal.SIGSTOP)
    folder = tmp_path / "runs" / "tiny"
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    error = refused(*words, word)
    assert f"{folder}: a training is running there" in error
    assert {file: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before


def test_a_file_system_without_locks_will_do(jcc, config, places, monkeypatch):
    def flock(*args: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    outcome = jcc("train", config(), *places)
    assert outcome.status == 0, outcome.err


def test_ctrl_c_says_how_to_resume(started, jcc, tmp_path):
    process, words = started
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    command = err.strip().splitlines()[-1].partition("to go on: ")[2]
    assert command.split() == ["jcc", *map(str, words), "--resume"]

    outcome = jcc(*words, "--restart")
    assert outcome.status == 0
    assert (tmp_path / "runs" / "tiny" / "log.jsonl").read_text().count('"epoch": 1,') == 1


@pytest.mark.parametrize(
    ("step", "number"), [("train.finetune", signal.SIGINT), ("publish.calibrate", signal.SIGTERM)]
)
def test_an_interrupted_step_says_how_to_resume(jcc, config, places, monkeypatch, step, number):
    def interrupted(*args: object) -> None:
        assert signal.getsignal(number) is signal.default_int_handler
        signal.raise_signal(number)

    monkeypatch.setattr(f"jcc_ros.training.{step}", interrupted)
    words = ["train", config(), *places]
    monkeypatch.setattr(sys, "argv", ["jcc", *map(str, words)])
    outcome = jcc(*words)
    assert outcome.status == 130
    command = outcome.err.strip().splitlines()[-1].partition("to go on: ")[2]
    assert command.split() == ["jcc", *map(str, words), "--resume"]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "1")
    again = jcc(*words, "--restart").err.strip().splitlines()[-1]
    (line,) = (line for line in again.splitlines() if "torchrun" in line)
    words = shlex.split(line[line.index("torchrun") :])
    # As torchrun reads it: --start is no option of its own.
    read = parse_args([*words[1:], "--start", "models/digits"])
    assert (read.nproc_per_node, read.no_python, read.training_script) == ("4", True, "jcc")
    assert read.training_script_args[-2:] == ["--start", "models/digits"]


@pytest.mark.parametrize("word", [[], ["--resume"], ["--restart"], ["--only", "finetune"]])
def test_interrupted_before_it_began_it_is_to_be_started_again(
    jcc, config, places, monkeypatch, word
):
    def interrupted(*args: object) -> None:
        signal.raise_signal(signal.SIGINT)

    assert jcc("train", config(), *places).status == 0
    monkeypatch.setattr("jcc_ros.training.train.split", interrupted)
    words = ["train", config(seed=1), *places, *word]
    monkeypatch.setattr(sys, "argv", ["jcc", *map(str, words)])
    outcome = jcc(*words)
    assert outcome.status == 130
    command = outcome.err.strip().splitlines()[-1].partition("to go on: ")[2]
    assert command.split() == ["jcc", *map(str, words)]


def test_one_step_at_a_time(jcc, refused, config, places, tmp_path):
    page = config()
    assert "finetune" in refused("train", page, *places, "--only", "calibrate")
    assert "has no step teach; its steps are" in refused("train", page, *places, "--only", "teach")
    assert jcc("train", page, *places, "--only", "finetune").status == 0
    assert not (tmp_path / "model").exists()
    assert jcc("train", page, *places, "--only", "calibrate").status == 0
    load_model(tmp_path / "model")


def test_further_training(jcc, config, places, tiny_model, tmp_path):
    outcome = jcc("train", config(name="again"), *places, "--start", tiny_model)
    assert outcome.status == 0, outcome.err
    assert f"again: finetune, calibrate, from the networks of {tiny_model}" in outcome.out
    assert load_model(tmp_path / "model")[0].name == "again"


@pytest.mark.parametrize("option", ["--encoder", "--recalibrate", "--start"])
def test_a_model_by_its_name(jcc, refused, config, tiny_model, tmp_path, monkeypatch, option):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "old").symlink_to(tiny_model)
    monkeypatch.chdir(tmp_path)
    outcome = jcc("train", config(), option, "old")
    assert outcome.status == 0, outcome.err
    assert f"of {Path('models/old')}\n" in outcome.out
    # Before the images, which are missing here.
    error = refused("train", config(data="files"), option, "older")
    assert "older: not a model folder" in error
    assert "available models: old" in error


def test_start_that_would_not_be_heard(refused, config, places, tiny_model):
    start = ["--start", tiny_model, *places]
    assert "--encoder does not use --start" in refused(
        "train", config(), "--encoder", tiny_model, *start
    )
    page = config(represent={"epochs": 1})
    assert f"{page}: represent does not use --start" in refused("train", page, *start)
    assert "leave out --start" in refused("train", config(), "--benchmark", *start)


def test_the_model_to_start_from_is_not_replaced(refused, config, tiny_model, tmp_path):
    before = (tiny_model / "encoder.safetensors").read_bytes()
    words = ["--start", tiny_model, "--out", tiny_model, "--runs", tmp_path / "runs"]
    assert "give --out another" in refused("train", config(), *words)
    assert (tiny_model / "encoder.safetensors").read_bytes() == before


@pytest.mark.parametrize("half", ["encoder", "classifier"])
def test_a_link_to_the_model_to_start_from_is_not_followed(
    refused, config, places, tiny_model, tmp_path, half
):
    linked, out = tiny_model / f"{half}.safetensors", tmp_path / "linked"
    out.mkdir()
    (out / linked.name).symlink_to(linked)
    before = linked.read_bytes()
    for option in "--start", "--recalibrate":
        error = refused("train", config(), *places, "--out", out, option, tiny_model)
        assert f"{out}: the model to start from would be replaced" in error
    assert linked.read_bytes() == before


def test_a_model_among_the_checkpoints_is_not_discarded_with_them(refused, config, tmp_path):
    page, out = config(), tmp_path / "models" / "tiny"
    out.mkdir(parents=True)
    (out / "encoder.safetensors").write_text("deployed")
    error = refused("train", page, "--runs", out.parent, "--out", out)
    assert f"--out {out}: --runs keeps its checkpoints in this folder" in error
    assert (out / "encoder.safetensors").read_text() == "deployed"


def test_options_that_contradict_each_other(jcc, refused, config, places):
    page = config(teach={"epochs": 1})
    words = [page, *places, "--teacher", "other"]
    assert "--only teach does not use --teacher" in refused("train", *words, "--only", "teach")
    assert jcc("train", page, *places, "--seed", 2**40).status == 2


def test_classifier_for_a_deployed_encoder(jcc, config, places, tiny_model, tmp_path):
    outcome = jcc("train", config(name="again"), *places, "--encoder", tiny_model)
    assert outcome.status == 0, outcome.err
    assert f"a classifier for the encoder of {tiny_model}" in outcome.out
    ids = [load_model(folder)[1].codec.model_id for folder in (tmp_path / "model", tiny_model)]
    assert ids[0] == ids[1]


def test_a_terminal_sees_how_far_a_refit_is(jcc, config, places, tiny_model, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    page = config(name="again", teach={"epochs": 1, "width": 4, "batch": 64})
    outcome = jcc("train", page, *places, "--encoder", tiny_model)
    assert outcome.status == 0, outcome.err
    for stage, images in {"judge": 958, "encode": 240}.items():
        assert f"\r{stage}:" in outcome.err
        assert f"/{images} [" in outcome.err


def test_a_classifier_alone_leaves_the_training_s_checkpoints(jcc, config, places, tmp_path):
    words = ["train", config(), *places]
    assert jcc(*words).status == 0
    before = {file: file.stat() for file in (tmp_path / "runs" / "tiny").glob("*.*")}
    outcome = jcc(*words, "--encoder", tmp_path / "model")
    assert outcome.status == 0, outcome.err
    assert {file: file.stat() for file in (tmp_path / "runs" / "tiny").glob("*.*")} == before
    assert (tmp_path / "runs" / "tiny-refit" / "refit.safetensors").is_file()


def test_new_tables_for_the_networks_of_a_model(jcc, refused, config, places, tiny_model, tmp_path):
    page = config(calibrate={"finest": 2.0, "coarsest": 4.0, "count": 2})
    outcome = jcc("train", page, *places, "--recalibrate", tiny_model)
    assert outcome.status == 0, outcome.err
    assert f"tiny: calibrate, with the networks of {tiny_model}" in outcome.out
    assert {point.step for point in load_model(tmp_path / "model")[0].codec.ladder} <= {2.0, 4.0}
    again = ["train", page, *places, "--recalibrate"]
    assert "give --out another" in refused(*again, tmp_path / "model")
    assert "--recalibrate trains nothing" in refused(*again, tiny_model, "--start", tiny_model)


def test_benchmark_leaves_nothing(jcc, config, places, tmp_path):
    outcome = jcc("train", config(), *places, "--benchmark")
    assert outcome.status == 0, outcome.err
    line = outcome.out.strip().splitlines()[-1]
    assert line.startswith("tiny: ")
    assert float(line.split()[1]) > 0
    assert "s for an epoch of finetune, 1198 images, 1 CPU threads" in line
    assert {file.name for file in tmp_path.iterdir()} == {"tiny.yaml"}


def test_benchmark_of_classes_that_a_sample_would_leave_out(jcc, config, places, tmp_path):
    labels = np.repeat([0, 1], [990, 10])
    data = LabelledImages(np.zeros((1000, 8, 8, 3), np.uint8), labels, ("usual", "rare"))
    save_npz(data, tmp_path / "data.npz")
    page = config(data="files", finetune={"epochs": 1, "batch": 2})
    outcome = jcc("train", page, "--data", tmp_path / "data.npz", *places, "--benchmark")
    assert outcome.status == 0, outcome.err


def test_a_path_of_any_bytes_stands_in_the_model(jcc, config, tmp_path, monkeypatch):
    out = tmp_path / "out\udce9"
    words = ["train", config(), "--out", out, "--runs", tmp_path / "runs"]
    monkeypatch.setattr(sys, "argv", ["jcc", *map(str, words)])
    outcome = jcc(*words)
    assert outcome.status == 0, outcome.err
    assert load_model(out)[0].provenance["command"].count("out\\xe9") == 1
    assert "out\\xe9" in (out / "README.md").read_text()
    assert "out\\udce9" in outcome.out


def test_photos_of_any_size(jcc, config, places, tiny_config, tmp_path, caplog):
    folder = tmp_path / "photos"
    write_photos(folder, {"disc": 12, "stripes": 25}, seed=0)
    (folder / "disc" / "broken.jpg").write_bytes(b"no image")
    encoder = {**tiny_config["encoder"], "input": {"height": 48, "width": 64}}
    finetune = {**tiny_config["finetune"], "batch": 8}
    augment = {"crop": 0.4, "flip": True}
    page = config(data="files", encoder=encoder, augment=augment, finetune=finetune)
    outcome = jcc("train", page, "--data", folder, *places)
    assert outcome.status == 0, outcome.err
    assert "37 images, 2 classes" in outcome.out
    assert str(folder / "disc" / "broken.jpg") in caplog.text
    assert "skipped 1 of 38 files" in caplog.text
    encoder, classifier = load_model(tmp_path / "model")
    assert classifier.classes == ("disc", "stripes")
    held = (tmp_path / "runs" / "tiny" / "validation.txt").read_text().splitlines()
    assert len(held) == 7
    assert all((folder / name).is_file() for name in held)


@pytest.mark.parametrize(("rank", "warnings"), [(0, 2), (1, 0)])
def test_the_first_of_several_processes_warns(
    jcc, config, places, few_digits, tmp_path, monkeypatch, caplog, rank, warnings
):
    @contextmanager
    def joined(device: torch.device) -> Iterator[tuple[int, int, torch.device]]:
        yield rank, 2, device

    save_folder(few_digits, tmp_path / "data")
    (tmp_path / "data" / "0" / "broken.png").write_bytes(b"no image")
    monkeypatch.setattr("jcc_ros.training.processes.joined", joined)
    monkeypatch.setattr("jcc_ros.training.train.train", lambda *_: None)
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)  # and again behind us
    outcome = jcc("train", config(data="files"), "--data", tmp_path / "data", *places)
    assert outcome.status == 0, outcome.err
    assert len(caplog.records) == warnings


_COUNTING = """
from jcc_ros.commands.cli import main

assert main() == 0

import cv2
import sklearn.cluster
from threadpoolctl import threadpool_info

assert cv2.getNumThreads() == 1
assert {library["num_threads"] for library in threadpool_info()} == {1}, threadpool_info()
"""


def test_threads_bound_every_library(config):
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    subprocess.run(
        [sys.executable, "-c", _COUNTING, "train", config(), "--benchmark", "--threads", "1"],
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=True,
    )


def test_resume_without_a_beginning_begins(jcc, config, places, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "encoder.safetensors").write_text("of an earlier model")
    outcome = jcc("train", config(), *places, "--resume")
    assert outcome.status == 0
    notices = outcome.out.splitlines()[2:4]
    assert notices[0].startswith("nothing to resume")
    assert notices[1].startswith(f"the model in {tmp_path / 'model'} will be replaced")


@pytest.mark.parametrize(
    ("option", "ending"), [("--encoder", "refit"), ("--recalibrate", "recalibrated")]
)
def test_what_another_option_began_is_not_resumed_without_it(
    jcc, refused, config, places, tiny_model, tmp_path, option, ending
):
    words = ["train", config(), *places]
    assert jcc(*words, option, tiny_model).status == 0
    before = _model(tmp_path / "model")
    other = tmp_path / "runs" / f"tiny-{ending}"
    error = refused(*words, "--resume")
    assert f"nothing to resume in {tmp_path / 'runs' / 'tiny'}, but there is {other}" in error
    assert f"add {option} MODEL" in error
    assert not (tmp_path / "runs" / "tiny").exists()
    after = _model(tmp_path / "model")
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert jcc(*words, option, tiny_model, "--resume").status == 0
