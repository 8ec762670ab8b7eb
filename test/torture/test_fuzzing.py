"""Coverage-guided fuzzing of what a classifier decodes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import DIGITS
from hostile import codec_of, good_packets
from jcc_ros.msg import Latent
from rclpy.serialization import serialize_message
from report import Amount, Row

pytest.importorskip("atheris", reason="needs atheris, see requirements/torture.txt")

SLOWEST = 1  # s that one input may take


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["packet", "message"])
def test_fuzzing(kind: str, tmp_path: Path, amount: Amount, row: Row) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    packets = good_packets(codec_of(DIGITS), 20, seed=5)
    for index, data in enumerate([*packets, b"".join(packets[:3])]):
        if kind == "message":
            data = serialize_message(Latent(data=data))[4:]
        (corpus / str(index)).write_bytes(data)
    seconds = int(amount(3, 150))
    options = [f"-max_total_time={seconds}", "-max_len=4096", f"-timeout={SLOWEST}"]
    options += ["-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, Path(__file__).parent / "fuzz.py", kind, DIGITS, *options, corpus]
    done = subprocess.run(command, capture_output=True, text=True)
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    paths = re.findall(r"cov: (\d+)", done.stderr)
    assert runs, done.stderr[-2000:]
    row(
        f"coverage-guided fuzzing of a {kind} for {seconds} s",
        int(runs.group(1)),
        f"exit status {done.returncode}, {paths[-1] if paths else 0} edges covered",
        f"no crash, no exception, {SLOWEST} s an input",
        done.returncode == 0,
    )
