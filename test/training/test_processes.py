"""Two processes, started by torchrun, train one model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from jcc_ros.networks.model import load_model
from jcc_ros.training.config import ConfigError
from jcc_ros.training.processes import joined

ROOT = Path(__file__).resolve().parents[2]
_CODE = """
import sys

from jcc_ros.commands.cli import main

if status := main():
    sys.exit(status)
"""
# A thread of the group that is left when Python ends may abort the process.
_END = """
from pathlib import Path

threads = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
assert not [thread for thread in threads if "gloo" in thread], threads
"""


def tensors(folder: Path) -> dict[str, np.ndarray]:
    return {
        f"{half}.{name}": values
        for half in ("encoder", "classifier")
        for name, values in load_file(folder / f"{half}.safetensors").items()
    }


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def started(processes: int, script: Path, code: str, *words: str) -> str:
    """Run code, kept as script, with some words in some processes; return what they print."""
    script.write_text(code + _END)
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(processes), "--"]
    ended = subprocess.run(
        [*command, str(script), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def train(steps, tmp_path):
    """Run `jcc train` with all steps in some processes; return its output, log and model folder."""
    steps.page["finetune"]["epochs"] = steps.page["represent"]["epochs"] = 3
    page = tmp_path / "page.yaml"
    page.write_text(yaml.safe_dump(steps.page))

    def run(processes: int, *words: str) -> tuple[str, list[dict], Path]:
        place = tmp_path / str(processes)
        places = ["--runs", str(place / "runs"), "--out", str(place / "model")]
        options = ["--threads", "1", *places, *words]
        out = started(processes, tmp_path / "jcc.py", _CODE, "train", str(page), *options)
        lines = (place / "runs" / "tiny" / "log.jsonl").read_text().splitlines()
        return out, [json.loads(line) for line in lines], place / "model"

    return run


def epochs(lines: list[dict], but: str = "") -> list[tuple[str, int]]:
    return [(x["stage"], x["epoch"]) for x in lines if "epoch" in x and x["stage"] != but]


_RATE = """
import sys

import torch
from safetensors.torch import save_file
from torch.nn.parallel import DistributedDataParallel

from jcc_ros.training.processes import joined
from jcc_ros.training.rate import RateModel

def learn(rank: int, processes: int) -> RateModel:
    torch.manual_seed(0)
    model = RateModel((1, 1, 1), 3)
    model.gain = torch.nn.Parameter(torch.ones(()))  # without one nothing is shared
    shared = DistributedDataParallel(model) if processes > 1 else model
    centres, spreads = torch.tensor([5.0, -5.0]), torch.tensor([0.5, 2.0])
    labels = torch.arange(64) // 32  # each class in one process
    for _ in range(300):
        latents = centres[labels] + spreads[labels] * torch.randn(64)
        here = slice(rank * 64 // processes, (rank + 1) * 64 // processes)
        with torch.random.fork_rng():  # of the noise
            shared(latents[here].view(-1, 1, 1, 1), torch.ones(1, 1, 1, 1), labels[here])
    return model  # without its wrapper, which would keep the group's threads until Python ends


with joined(torch.device("cpu")) as (rank, processes, _):
    model = learn(rank, processes)
    if rank == processes - 1:
        learnt = {"centre": model.centre.flatten(), "scale": model.scale.flatten()}
        save_file(learnt, sys.argv[1])
"""


_SHARES = """
import sys
from pathlib import Path

import numpy as np
import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import Schedule
from jcc_ros.training.loop import fit
from jcc_ros.training.processes import joined
from jcc_ros.training.run import Run


class Watch:
    name = section = "finetune"

    def __init__(self):
        self.module, self.seen, self.drawn = torch.nn.Linear(1, 1), [], []

    def loss(self, module, images, index, progress):
        self.seen.append(index.numpy())
        self.drawn.append(torch.rand(()).item())
        return module(images.mean(dim=(1, 2, 3))[:, None]).mean(), {}

    def validate(self, module):
        return {}


with joined(torch.device("cpu")) as (rank, processes, device):
    out = Path(sys.argv[1])
    run, watch = Run(out, device, False, rank, processes), Watch()
    data = LabelledImages(np.zeros((40, 8, 8, 3), np.uint8), np.arange(40) % 2, ("a", "b"))
    fit(watch, data, Schedule(epochs=1, batch=10), 0, run)
    np.savez(out / f"{rank}.npz", seen=watch.seen, drawn=watch.drawn)
"""


def test_processes_share_the_images_of_each_batch(tmp_path):
    started(2, tmp_path / "shares.py", _SHARES, str(tmp_path))
    first, second = (np.load(tmp_path / f"{rank}.npz") for rank in (0, 1))
    assert first["seen"].shape == second["seen"].shape == (4, 5)
    both = np.concatenate([first["seen"], second["seen"]])
    assert sorted(both.flat) == list(range(40))
    assert not set(first["drawn"]) & set(second["drawn"])  # of views: each its own


def test_who_was_not_started_by_torchrun_is_alone(monkeypatch, caplog):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with joined(torch.device("cpu")) as (rank, processes, _):
        assert (rank, processes) == (0, 1)
    assert "WORLD_SIZE is 2" in caplog.text


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {
        "TORCHELASTIC_RUN_ID": "1",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(ConfigError, match="2 processes, but torch finds 1 CUDA devices"),
        joined(torch.device("cuda")),
    ):
        pass


def test_rates_follow_the_images_of_all_processes(tmp_path):
    for processes in (1, 2):
        started(processes, tmp_path / "rate.py", _RATE, str(tmp_path / str(processes)))
    alone, shared = (load_file(tmp_path / str(processes)) for processes in (1, 2))
    for name, values in alone.items():
        np.testing.assert_allclose(shared[name], values, rtol=1.3e-6, atol=1e-5)
    np.testing.assert_allclose(shared["centre"], [5, -5, 0], atol=0.3)


def test_two_processes_train_one_model(train, tmp_path):
    _, alone, _ = train(1)
    out, shared, folder = train(2)
    assert out.count("on 2 x cpu") == 1
    assert out.count("encoder.safetensors for the robot") == 1
    assert epochs(shared) == epochs(alone)

    def last(lines: list[dict], stage: str, key: str) -> float:
        return [line[key] for line in lines if line["stage"] == stage][-1]

    # Other views and halves of batches, so not the same; but the same training.
    assert last(shared, "finetune", "loss") == pytest.approx(
        last(alone, "finetune", "loss"), rel=0.15
    )
    assert last(shared, "represent", "effective_rank") == pytest.approx(
        last(alone, "represent", "effective_rank"), rel=0.3
    )
    encoder, classifier = load_model(folder)
    assert classifier.provenance["processes"] == 2
    assert np.isfinite(encoder.latent(np.zeros((32, 32, 3), np.uint8))).all()

    before = tensors(folder)
    train(2, "--only", "calibrate")
    assert equal(tensors(folder), before)
    (folder.parent / "runs" / "tiny" / "finetune.safetensors").unlink()
    _, resumed, _ = train(2, "--resume")
    assert equal(tensors(folder), before)
    assert sorted(epochs(resumed)) == sorted(epochs(shared))

    new = folder.parent / "new"
    out, _, _ = train(2, "--encoder", str(folder), "--out", str(new))
    assert out.count("encoder.safetensors for the robot") == 1
    robot, host = load_model(new)
    assert robot.codec.model_id == encoder.codec.model_id
    assert host.provenance["processes"] == 2

    again = folder.parent / "again"
    out, _, _ = train(2, "--recalibrate", str(folder), "--out", str(again))
    assert out.count("encoder.safetensors for the robot") == 1
    assert load_model(again)[0].codec.model_id == encoder.codec.model_id

    # And with the teacher of the first.
    _, taught, folder = train(2, "--restart", "--teacher", str(tmp_path / "1" / "runs" / "tiny"))
    assert epochs(taught) == epochs(alone, but="teach")
    load_model(folder)
