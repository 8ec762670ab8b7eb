"""Camera and encoder in one network namespace, the classifier in another, a bad link between them.

The labels are written down beside the classifier, so that only latents and discovery cross the
link.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from harness import DIGITS, Fleet, NodeProcess, free_domain
from report import Amount, Row

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder
from jcc_ros.nodes.bench.veth import HOST, ROBOT, link, missing

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=f"a link needs {missing()}"),
    pytest.mark.timeout(900),
]

TOPIC = "/image_raw"
FPS = 10.0
SHARE = 0.5  # of the link, for latents; discovery takes a part of the rest
FOUND = 180.0  # s until nodes on a thin link work together
RECOVERED = 10.0  # s
RESTARTED = 30.0  # s from the start of a host to the next label


class Link:
    """Two hosts with their nodes, and what can be done to the link between them."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self._log = folder / "labels"
        self._frames = folder / "frames"
        self._images = folder / "images"
        save_folder(digits("test").sample(100, seed=1), self._images)

    def note_frames(self) -> None:
        """Write down what the camera publishes, from soon on."""
        self._run(ROBOT, "LOCALHOST", "label_log", f"{TOPIC}/truth", self._frames)

    def start(self, bitrate: float) -> float:
        """Start all nodes; the encoder may use so many bit/s. Return when both ends were up."""
        self._log.write_text("")
        self._start_classifier()
        parameters = {"model": DIGITS, "bitrate": bitrate}
        encoder = self._run(ROBOT, "SUBNET", "jcc_ros.nodes.encoder", **parameters)
        self._classifier.logged("classes")
        encoder.logged("operating points")
        up = time.time()
        # Who has nothing to say to the other host is not announced there.
        parameters = {"source": self._images, "fps": FPS, "width": 64, "height": 64}
        self._run(ROBOT, "LOCALHOST", "jcc_ros.nodes.camera", **parameters)
        self._start_log()
        return up

    def restart_host(self) -> float:
        """End all nodes of the host and start them again; return when."""
        for node in (self._classifier, self._labels):
            node.stop()
            node.wait()
        restarted = time.time()
        self._start_classifier()
        self._classifier.logged("classes")
        self._start_log()
        return restarted

    def stop(self) -> None:
        self._fleet.stop()

    def labels(self) -> np.ndarray:
        """Return [N, 2]: arrival and stamp of every label, s."""
        return logged(self._log)

    def frames(self) -> np.ndarray:
        """Return the stamps of the frames that were noted, s."""
        return logged(self._frames)[:, 1]

    def await_label(self, since: float, limit: float) -> float:
        """Wait for the label of a frame taken since a time; return when it came, or NaN."""
        deadline = time.time() + limit
        while time.time() < deadline:
            labels = self.labels()
            fresh = labels[labels[:, 1] >= since]
            if len(fresh):
                return float(fresh[0, 0])
            time.sleep(0.05)
        return float("nan")

    def output(self) -> str:
        """Return what the classifier has printed."""
        return self._classifier.output()

    def _start_classifier(self) -> None:
        models = f"['{DIGITS}']"
        self._classifier = self._run(HOST, "SUBNET", "jcc_ros.nodes.classifier", models=models)

    def _start_log(self) -> None:
        self._labels = self._run(HOST, "LOCALHOST", "label_log", f"{TOPIC}/labels", self._log)

    def _run(
        self, host: str, reach: str, module: str, *words: object, **parameters: object
    ) -> NodeProcess:
        options = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        arguments = ["--ros-args", *options] if options else []
        within = ["ip", "netns", "exec", host, "env", f"ROS_AUTOMATIC_DISCOVERY_RANGE={reach}"]
        return self._fleet.run(*within, sys.executable, "-m", module, *words, *arguments)


def logged(file: Path) -> np.ndarray:
    """Return what label_log wrote, [N, 2]: arrival and stamp, s."""
    words = [line.split() for line in file.read_text().splitlines(keepends=True)]
    return np.array([pair for pair in words if len(pair) == 2], float).reshape(-1, 2)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def thin(bitrate: int) -> None:
    """Let both directions carry no more than that, with a modem's queue of some ten packets."""
    shape = ["tbf", "rate", f"{bitrate}bit", "burst", "1600b", "limit", "8kb"]
    for host in (ROBOT, HOST):
        command = ["tc", "-n", host, "qdisc", "replace", "dev", "veth", "root", *shape]
        subprocess.run(command, check=True)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(free_domain()))
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # label_log
    with link():
        running = Link(Fleet(tmp_path), tmp_path)
        yield running
        running.stop()


@pytest.mark.parametrize("bitrate", [64_000, 16_000, 9_600])
def test_thin_links(running: Link, bitrate: int, amount: Amount, row: Row) -> None:
    if bitrate != 64_000 and amount(0, 1) == 0:
        pytest.skip("in the full form only")
    thin(bitrate)
    started = running.start(SHARE * bitrate)
    first = running.await_label(started, FOUND)
    assert first > 0, running.output()
    seconds = amount(5, 30)
    time.sleep(seconds)  # what is measured is this time
    labels = running.labels()
    settled = labels[labels[:, 0] > first + seconds / 4]
    latencies = settled[:, 0] - settled[:, 1]
    rate = len(settled) / (0.75 * seconds)
    row(
        f"{bitrate / 1000:g} kbit/s both ways, {SHARE * bitrate / 1000:g} kbit/s of it for latents",
        len(labels),
        f"first label {first - started:.1f} s after both ends were up, {rate:.1f} labels "
        f"a second, latency {1e3 * np.median(latencies):.0f} ms (median), "
        f"{1e3 * np.percentile(latencies, 95):.0f} ms (95 %)",
        f"{FOUND:.0f} s, 0.5 labels a second",
        rate > 0.5,
    )


@pytest.mark.parametrize("seconds", [1, 10, 60])
def test_an_interface_that_goes_down(running: Link, seconds: int, amount: Amount, row: Row) -> None:
    if seconds > amount(1, 60):
        pytest.skip("in the full form only")
    running.start(16_000)
    assert running.await_label(time.time(), FOUND) > 0
    ip("-n", ROBOT, "link", "set", "veth", "down")
    time.sleep(seconds)  # the time without a link
    up = time.time()
    ip("-n", ROBOT, "link", "set", "veth", "up")
    ip("-n", ROBOT, "route", "replace", "default", "dev", "veth")
    back = running.await_label(up, 6 * RECOVERED) - up
    row(
        f"interface of the robot down for {seconds} s",
        1,
        f"next label {back:.1f} s after it is up",
        f"{RECOVERED:.0f} s",
        back <= RECOVERED,
    )


def change_address(host: str, old: str, new: str) -> float:
    """Exchange the address of a host on the link; return when."""
    changed = time.time()
    ip("-n", host, "addr", "add", f"{new}/24", "dev", "veth")
    ip("-n", host, "addr", "del", f"{old}/24", "dev", "veth")
    # Addresses of the same network go with the first one.
    ip("-n", host, "addr", "replace", f"{new}/24", "dev", "veth")
    ip("-n", host, "route", "replace", "default", "dev", "veth")
    return changed


def test_a_robot_that_changes_its_address(running: Link, row: Row) -> None:
    running.start(16_000)
    assert running.await_label(time.time(), FOUND) > 0
    changed = change_address(ROBOT, "10.77.0.1", "10.77.0.3")
    back = running.await_label(changed + 1, 6 * RECOVERED) - changed
    row(
        "address of the robot changed",
        1,
        f"next label after {back:.1f} s",
        f"{RECOVERED:.0f} s",
        back <= RECOVERED,
    )


def test_a_host_that_changes_its_address(running: Link, amount: Amount, row: Row) -> None:
    if amount(0, 1) == 0:
        pytest.skip("in the full form only")
    running.start(16_000)
    assert running.await_label(time.time(), FOUND) > 0
    changed = change_address(HOST, "10.77.0.2", "10.77.0.4")
    alone = running.await_label(changed + 1, 3 * RECOVERED) - changed
    restarted = running.restart_host()
    back = running.await_label(restarted, 6 * RECOVERED) - restarted
    row(
        "address of the host changed, its nodes restarted",
        1,
        f"next label {back:.1f} s after the restart "
        f"({'none' if np.isnan(alone) else f'after {alone:.1f} s'} without)",
        f"{RESTARTED:.0f} s",
        back <= RESTARTED,
    )


def test_a_lossy_link(running: Link, amount: Amount, row: Row) -> None:
    if not shutil.which("iptables"):
        pytest.skip("needs iptables (apt-get install iptables)")
    rule = ["-i", "veth", "-m", "statistic", "--mode", "random", "--probability", "0.2"]
    command = ["ip", "netns", "exec", HOST, "iptables", "-A", "INPUT", *rule, "-j", "DROP"]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this kernel drops no packets at random")
    running.note_frames()
    running.start(0)
    first = running.await_label(time.time(), FOUND)
    assert first > 0, running.output()
    begin = first + 2
    # Long enough that neither chance nor the encoder's trial, some seconds of less, decide.
    end = begin + amount(60, 120)
    assert running.await_label(end, end - begin + RECOVERED) > 0, running.output()
    frames = running.frames()
    frames = frames[(begin <= frames) & (frames < end)]
    labelled = np.isin(frames, running.labels()[:, 1]).mean()
    bad = running.output().count("packets are dropped")
    row(
        "20 % of the packets to the host dropped",
        len(frames),
        f"{labelled:.1%} of the frames labelled, {bad} complaints about packets that arrived",
        "70 %, none",
        labelled >= 0.7 and not bad,
    )
