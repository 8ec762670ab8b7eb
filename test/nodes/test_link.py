"""What the nodes say of their bit rate against what tcpdump counts on a link."""

import json
import subprocess
import sys

import pytest

from jcc_ros.nodes.bench.veth import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"a link needs {missing()}")


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """One camera at 15 fps, a target of 20 kbit/s."""
    target = tmp_path_factory.mktemp("link") / "link.json"
    command = [sys.executable, "-m", "jcc_ros.commands.cli", "link", "--json", target]
    options = ["--targets", "20000", "--fps", "15", "--seconds", "10"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(target.read_text())
    return found


def test_a_message_has_the_size_that_the_nodes_count_with(row: dict) -> None:
    assert row["captured_message_bits"] == pytest.approx(row["reported_frame_bits"], rel=0.005)


def test_the_reported_rate_is_the_captured_one(row: dict) -> None:
    assert row["reported_bps"] == pytest.approx(row["captured_bps"], rel=0.05)


def test_the_target_is_kept(row: dict) -> None:
    assert row["captured_bps"] == pytest.approx(20000, rel=0.05)


def test_no_namespace_stays_behind(row: dict) -> None:
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    assert "jcc_" not in left


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A target of 32 kbit/s on a link that carries 16 for half a minute."""
    target = tmp_path_factory.mktemp("link") / "congestion.json"
    command = [sys.executable, "-m", "jcc_ros.commands.cli", "congestion", "--json", target]
    options = ["--target", "32000", "--fps", "30"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(target.read_text())


def test_on_a_full_link_less_is_sent_within_5_s_and_latency_stays_bounded(narrowed: dict) -> None:
    assert narrowed["reaction_s"] <= 5
    # Part of the link goes to discovery and acknowledgements.
    assert 0.4 * 16000 < narrowed["limited_bps"] < 16000
    assert narrowed["limited_latency_s"] < 0.5


def test_when_the_link_recovers_so_does_the_rate(narrowed: dict) -> None:
    assert narrowed["recovery_s"] is not None
    last = [row["captured_bps"] for row in narrowed["rows"][-5:]]
    assert sum(last) / len(last) == pytest.approx(32000, rel=0.05)
