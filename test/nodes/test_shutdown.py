"""Nodes and the demo end when they are told to, at any moment, and leave nothing behind."""

import json
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from harness import DIGITS, Fleet, NodeProcess, Probe, Robot, free_domain

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder

PROMPT = 2.0  # s for a node to end in
DEMO_PROMPT = 3.0  # s for the demo
COUNTS = re.compile(r"(\d+) frames in, (\d+) sent, dropped: (.*)")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    save_folder(digits("test").sample(30, seed=1), folder)
    return folder


def ended_in(process: NodeProcess, numbers: list[signal.Signals]) -> float:
    """Send signals one after the other and return how long the process took to end."""
    started = time.monotonic()
    for number in numbers:
        process.send(number)
    assert process.wait() == 0, process.output()
    return time.monotonic() - started


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGINT],
        [signal.SIGTERM],
        [signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT],
    ],
    ids=["SIGINT", "SIGTERM", "impatience"],
)
def test_nodes_end_with_their_counts(
    fleet: Fleet, probe: Probe, images: Path, numbers: list[signal.Signals]
) -> None:
    name = f"/ended_{numbers[0].name.lower()}_{len(numbers)}"
    before = segments()
    classifier = fleet.start(
        "classifier", name, models=[str(DIGITS)], latent_topics=[f"{name}/**/latent"]
    )
    classifier_topic = f"{name}/image_raw/latent"
    encoder = fleet.start("encoder", name, model=DIGITS)
    camera = fleet.start("camera", name, source=images, fps=30.0, width=64, height=64)
    labels = Robot(probe, name).labels
    probe.until(lambda: len(labels) >= 10, "10 labels")

    times = {node: ended_in(node, numbers) for node in (camera, encoder, classifier)}
    assert max(times.values()) <= PROMPT, times.values()
    published = int(camera.logged(r"(\d+) frames published").group(1))
    taken, sent, dropped = COUNTS.search(encoder.output()).groups()
    assert int(taken) == int(sent) + sum_of(dropped)
    assert int(taken) <= published
    line = classifier.logged(rf"{classifier_topic}: (\d+) messages, (\d+) frames labelled, (.*)")
    assert 10 <= int(line.group(2)) <= int(line.group(1)) <= int(sent)
    for node in (camera, encoder, classifier):
        assert "Traceback" not in node.output()
    assert segments() <= before


def segments() -> set[str]:
    """The shared memory of Fast DDS, a file for each process."""
    names = {file.name for file in Path("/dev/shm").glob("fastrtps_*")}
    return {name for name in names if not name.startswith("fastrtps_port")}


@pytest.mark.parametrize(
    "wrong",
    [{"bitrate": -1.0}, {"model": "/nowhere"}],  # half made; made, but not to be configured
    ids=["parameter", "model"],
)
def test_a_start_that_fails_leaves_no_shared_memory(
    fleet: Fleet, probe: Probe, wrong: dict[str, object]
) -> None:
    """A participant that went without a goodbye may hold up those who write to it."""
    before = segments()
    failed = fleet.start("encoder", "/failed", **{"model": DIGITS, **wrong})
    assert failed.wait() == 1, failed.output()
    assert segments() <= before


_WITH_A_WORKER_THAT_FAILS = """
import threading
from rclpy.node import Node
from jcc_ros.nodes.run import run, start_worker

class Broken(Node):
    def __init__(self):
        super().__init__("broken")
        self.called = threading.Event()
        self.create_timer(0.01, self.call)
        start_worker("work", self.work)

    def call(self):
        self.called.set()
        if {stuck}:
            threading.Event().wait()

    def work(self):
        self.called.wait()
        raise ArithmeticError("lost count")

run(Broken)
"""


@pytest.mark.parametrize("stuck", [False, True])
def test_a_worker_that_fails_ends_the_node(fleet: Fleet, probe: Probe, stuck: bool) -> None:
    before = segments()
    broken = fleet.run(sys.executable, "-c", _WITH_A_WORKER_THAT_FAILS.format(stuck=stuck))
    assert broken.wait() == 1, broken.output()
    assert "ArithmeticError: lost count" in broken.output()
    if not stuck:
        assert segments() <= before


def test_frames_that_waited_at_the_end_are_counted(fleet: Fleet, probe: Probe) -> None:
    """A flood, and the end in the middle of it."""
    encoder = fleet.start("encoder", "/flood", model=DIGITS)
    robot = Robot(probe, "/flood")
    robot.await_encoder()
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    stamp = 0

    def flood() -> bool:
        nonlocal stamp
        for _ in range(5):
            stamp += 1
            robot.show(noise, stamp)
        return bool(robot.latents)

    probe.until(flood, "latents")
    for _ in range(30):
        flood()
    encoder.send(signal.SIGTERM)
    while encoder.running():
        flood()
    assert encoder.wait() == 0
    taken, sent, dropped = COUNTS.search(encoder.output()).groups()
    assert int(taken) == int(sent) + sum_of(dropped), encoder.output()


def sum_of(dropped: str) -> int:
    return sum(int(count) for count in re.findall(r"(\d+) \w+", dropped))


def maps(process: NodeProcess, library: str) -> Callable[[], bool]:
    """Say whether a process has loaded a library."""

    def loaded() -> bool:
        try:
            return library in Path(f"/proc/{process.pid}/maps").read_text()
        except OSError:
            return False

    return loaded


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["at once", "_multiarray", "onnxruntime", "librmw_fastrtps_cpp"])
def test_a_signal_during_the_start_ends_it(
    fleet: Fleet, probe: Probe, moment: str, number: signal.Signals
) -> None:
    encoder = fleet.start("encoder", "/early", model=DIGITS)
    if moment != "at once":
        probe.until(maps(encoder, moment), moment)
    encoder.send(number)
    # Before the node begins, Python's own way to end applies: by the signal, or with a traceback.
    assert encoder.wait(10.0) in (0, 1, 130, -number), encoder.output()
    assert not members_of(encoder.pid)


def members_of(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


class Demo:
    """`jcc demo`, running, with all its descendants marked."""

    def __init__(self, fleet: Fleet, folder: Path, *words: object) -> None:
        self._mark = f"JCC_TEST_MARK={uuid.uuid4()}"
        self.summary = folder / "demo.json"
        self.process = fleet.run(
            "env",
            self._mark,
            f"ROS_DOMAIN_ID={free_domain()}",
            sys.executable,
            "-m",
            "jcc_ros.commands.cli",
            "demo",
            "--json",
            self.summary,
            *words,
        )

    def alive(self) -> list[int]:
        """Return the living processes that descend from the demo, itself included."""
        found = []
        for file in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self._mark.encode() in file.read_bytes():
                    found.append(int(file.parent.name))
            except OSError:
                continue
        return found


@pytest.fixture
def demo(fleet: Fleet, tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def start(*words: object) -> Demo:
        demos.append(Demo(fleet, tmp_path, *words))
        return demos[-1]

    yield start
    for each in demos:
        for pid in each.alive():
            os.kill(pid, signal.SIGKILL)


def test_the_demo_succeeds_and_its_numbers_add_up(demo: Callable[..., Demo]) -> None:
    # Three of the first 100 images are hard, all among the first 40: fewer would not reach 95 %.
    shown = demo("--frames", 100, "--fps", 40, "--bitrate", 100_000)
    assert shown.process.wait() == 0, shown.process.output()
    assert not shown.alive()
    summary = json.loads(shown.summary.read_text())
    assert summary["frames"] == 100
    assert summary["labelled"] + summary["dropped"] == 100
    assert summary["dropped"] == sum(summary["dropped_by_reason"].values())
    assert summary["accuracy"] >= 0.95
    assert 8 < summary["payload_bits_mean"] < 1000
    assert summary["bitrate_target"] == 100_000
    assert 0 < summary["bitrate_wire"] < 1.2 * 100_000
    assert 0 < summary["latency_ms_p50"] <= summary["latency_ms_p99"]
    # No frame shares a message: each costs its payload, its framing and the message around it.
    said = shown.process.output()
    assert "100 frames: " in said
    (in_table,) = re.findall(r"bit rate on the wire +│ ([\d.]+) of 100.0 kbit/s", said)
    assert f" {in_table} kbit/s on the wire;" in said


def test_the_demo_refuses_a_model_of_other_classes_at_once(demo: Callable[..., Demo]) -> None:
    refused = demo("--model", "cifar10")
    assert refused.process.wait() == 1
    (line,) = refused.process.output().splitlines()
    assert line.startswith("jcc demo: --model cifar10: does not know the classes 0 to 9")
    assert not refused.summary.exists()


@pytest.mark.parametrize(
    "moment", ["starting encoder", "starting camera", "processes"], ids=lambda moment: moment
)
def test_ctrl_c_ends_the_demo(demo: Callable[..., Demo], probe: Probe, moment: str) -> None:
    shown = demo("--frames", 100_000)
    if moment == "processes":
        shown.process.logged("starting camera")
        probe.until(lambda: len(shown.alive()) == 4, "demo, encoder, classifier and camera")
    else:
        shown.process.logged(moment)
    started = time.monotonic()
    shown.process.send(signal.SIGINT)
    status = shown.process.wait()
    assert time.monotonic() - started <= DEMO_PROMPT
    assert status == 130, shown.process.output()
    assert not shown.alive()
    assert "Traceback" not in shown.process.output()


def test_killing_the_demo_takes_its_nodes_along(demo: Callable[..., Demo], probe: Probe) -> None:
    shown = demo("--frames", 100_000)
    shown.process.logged("starting camera")
    probe.until(lambda: len(shown.alive()) == 4, "demo, encoder, classifier and camera")
    shown.process.send(signal.SIGKILL)
    shown.process.wait()
    probe.until(lambda: not shown.alive(), "the end of all nodes", 5.0)
