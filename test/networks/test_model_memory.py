"""Loading a model takes memory in proportion to its file, refusing one none."""

import re
import select
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier, deploy
from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier
from jcc_ros.networks.layers import fold, round_to_half, round_to_int8
from jcc_ros.networks.model_file import CLASSIFIER_FILE

# Loads a small model first, for what is taken once, and the large one when it is told to.
LOAD = """
import sys
from pathlib import Path
from jcc_ros.networks.classifier_model import load_classifier
from jcc_ros.networks.model_file import ModelFileError

small = load_classifier(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    large = load_classifier(Path(sys.argv[2]))
    print("loaded", flush=True)
except ModelFileError as error:
    print(error, flush=True)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
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


def loading(folder: Path) -> tuple[int, str]:
    """Return the most bytes that loading folder/large takes, and its outcome."""
    command = [sys.executable, "-c", LOAD, folder / "small", folder / "large"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        before = peak = own_memory(child.pid)
        print(file=child.stdin, flush=True)
        while not select.select([child.stdout], [], [], 0.001)[0]:
            peak = max(peak, own_memory(child.pid))
        return peak - before, child.stdout.readline()


@pytest.mark.parametrize(("rounding", "times"), [("single", 3), ("half", 3), ("int8", 5)])
def test_loading_takes_a_few_times_the_file(tmp_path: Path, rounding: str, times: int) -> None:
    torch.manual_seed(0)
    save_classifier(model(8, 1, rounding), tmp_path / "small")
    save_classifier(model(768, 3, rounding), tmp_path / "large")
    size = (tmp_path / "large" / CLASSIFIER_FILE).stat().st_size
    assert size > 20 << 20
    taken, outcome = loading(tmp_path)
    assert outcome == "loaded\n"
    assert taken <= times * size, f"{taken / size:.2f} times {size} bytes"


def test_a_file_that_is_larger_than_it_says_is_not_even_read(tmp_path: Path) -> None:
    save_classifier(model(8, 1, "int8"), tmp_path / "small")
    small = tmp_path / "small" / CLASSIFIER_FILE
    large = tmp_path / "large" / CLASSIFIER_FILE
    large.parent.mkdir()
    with safe_open(small, framework="np") as file:
        metadata = file.metadata()
    save_file({"network.0.weight": np.zeros(100 << 20, np.int8)}, large, metadata)
    taken, outcome = loading(tmp_path)
    assert "tensor" in outcome
    assert taken < 10 << 20
