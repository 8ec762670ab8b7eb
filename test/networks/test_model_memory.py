"""Loading a model takes memory in proportion to its file."""

import re
import select
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
import torch

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier, deploy
from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier
from jcc_ros.networks.layers import fold, round_to_half, round_to_int8

# Loads a small model first, for what is taken once, and the large one when it is told to.
LOAD = """
import sys
from pathlib import Path
from jcc_ros.networks.classifier_model import load_classifier

small = load_classifier(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
large = load_classifier(Path(sys.argv[2]))
print("done", flush=True)
"""
ROUNDINGS = {"single": lambda network: network, "half": round_to_half, "int8": round_to_int8}


def own_memory(pid: int) -> int:
    """Return the bytes that a process holds for itself, without the pages of mapped files."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(re.search(r"RssAnon:\s+(\d+)", status)[1])


def model(width: int, blocks: int, rounding: str) -> ClassifierModel:
    network = fold(
        Classifier(ClassifierConfig(channels=2, classes=3, width=width, blocks=blocks)).eval()
    )
    table = EntropyTable(
        np.full((1, 2), 0.5, np.float32), np.zeros((1, 8), np.uint8), np.ones(1, np.float32), 0
    )
    codec = LatentCodec(Ladder((2, 2, 2), [OperatingPoint(1.0, 2, table, 8.0, 0.5)]))
    network = ROUNDINGS[rounding](network)
    return ClassifierModel("memory", deploy(network), codec, ("a", "b", "c"), {})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("rounding", "times"), [("single", 3), ("half", 3), ("int8", 5)])
def test_loading_takes_a_few_times_the_file(tmp_path: Path, rounding: str, times: int) -> None:
    torch.manual_seed(0)
    save_classifier(model(8, 1, rounding), tmp_path / "small")
    save_classifier(model(768, 3, rounding), tmp_path / "large")
    size = (tmp_path / "large" / "classifier.safetensors").stat().st_size
    assert size > 20 << 20
    command = [sys.executable, "-c", LOAD, tmp_path / "small", tmp_path / "large"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        before = peak = own_memory(child.pid)
        print(file=child.stdin, flush=True)
        while not select.select([child.stdout], [], [], 0.001)[0]:
            peak = max(peak, own_memory(child.pid))
        assert child.stdout.readline() == "done\n"
    assert peak - before <= times * size, f"{(peak - before) / size:.2f} times {size} bytes"
