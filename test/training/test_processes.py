"""Two processes, started by torchrun, train one model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from jcc_ros.networks.model import load_model

ROOT = Path(__file__).resolve().parents[2]
_CODE = "import sys; from jcc_ros.commands.cli import main; sys.exit(main())"


@pytest.fixture
def train(steps, tmp_path):
    """Run `jcc train` with all steps in some processes; return its output, log and model folder."""
    steps.page["finetune"]["epochs"] = steps.page["represent"]["epochs"] = 4
    page = tmp_path / "page.yaml"
    page.write_text(yaml.safe_dump(steps.page))
    script = tmp_path / "jcc.py"
    script.write_text(_CODE)

    def run(processes: int, *words: str) -> tuple[str, list[dict], Path]:
        place = tmp_path / str(processes)
        places = ["--runs", str(place / "runs"), "--out", str(place / "model")]
        command = [sys.executable]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone"]
            command += ["--nproc-per-node", str(processes)]
        command += [
            str(script),
            "train",
            str(page),
            "--threads",
            "1",
            "--runs",
            str(place / "runs"),
        ]
        ended = subprocess.run(
            [*command, *places, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        lines = (place / "runs" / "tiny" / "log.jsonl").read_text().splitlines()
        return ended.stdout, [json.loads(line) for line in lines], place / "model"

    return run


def test_two_processes_train_one_model(train):
    _, alone, _ = train(1)
    out, shared, folder = train(2)
    assert out.count("on 2 x cpu") == 1
    assert out.count("encoder.safetensors for the robot") == 1
    assert [(line["stage"], line.get("epoch")) for line in shared if "epoch" in line] == [
        (line["stage"], line.get("epoch")) for line in alone if "epoch" in line
    ]

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

    # What one process resumes is what two have left.
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    train(2, "--only", "calibrate")
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert before.keys() == after.keys()
