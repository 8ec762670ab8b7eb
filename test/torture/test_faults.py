"""Nodes that are killed in the middle of their work, and clocks that do not run as they should."""

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from harness import DIGITS, Fleet, NodeProcess, Probe, Robot, stamp_of
from jcc_ros.msg import Classification
from report import Amount, Row
from rosgraph_msgs.msg import Clock

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder

RESUMED = 3.0  # s from the restart of a node to the next label
STALE = 1.0  # s
SETTLED = 10.0  # s that nodes leave the shared memory of others alone


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    save_folder(digits("test").sample(30, seed=1), folder)
    return folder


class Chain:
    """Camera, encoder and classifier, and the labels that come out with their arrival."""

    def __init__(self, fleet: Fleet, probe: Probe, images: Path, name: str) -> None:
        self._fleet, self._probe, self._name = fleet, probe, name
        size = {"width": 64, "height": 64}
        self._parameters = {
            "classifier": {"models": [str(DIGITS)], "latent_topics": [f"{name}/image_raw/latent"]},
            "encoder": {"model": DIGITS},
            "camera": {"source": images, "fps": 30.0, **size},
        }
        self.nodes: dict[str, NodeProcess] = {}
        self.labels: list[tuple[float, float]] = []  # stamp and arrival, s
        probe.create_subscription(Classification, f"{name}/image_raw/labels", self._take, 1000)
        for role in self._parameters:
            self.start(role)

    def start(self, role: str) -> None:
        self.nodes[role] = self._fleet.start(role, self._name, **self._parameters[role])

    def wait_for_labels(self, since: float) -> float:
        """Wait for a label of a frame taken after a time, s of ROS time; return its arrival."""
        return self._probe.until(
            lambda: next((at for stamp, at in reversed(self.labels) if stamp > since), None),
            f"labels of frames after {since}",
        )

    def _take(self, label: Classification) -> None:
        self.labels.append((stamp_of(label) / 1e9, time.time()))


@pytest.mark.timeout(900)
def test_kill_9_in_the_middle_of_messages(
    fleet: Fleet, probe: Probe, images: Path, amount: Amount, row: Row
) -> None:
    chain = Chain(fleet, probe, images, "/killed")
    chain.wait_for_labels(time.time())
    rng = random.Random(0)
    resumed: dict[str, list[float]] = {role: [] for role in chain.nodes}
    others_ended, left = 0, set()
    for kill in range(int(amount(3, 50))):
        role = list(chain.nodes)[kill % 3]
        moment = time.monotonic() + rng.random()
        probe.until(lambda m=moment: time.monotonic() > m, "the moment")
        left |= chain.nodes[role].segments()
        chain.nodes[role].send(signal.SIGKILL)
        chain.nodes[role].wait()
        restarted = time.time()
        chain.start(role)
        resumed[role].append(chain.wait_for_labels(restarted) - restarted)
        others_ended += sum(not node.running() for node in chain.nodes.values())
    ages = [arrival - stamp for stamp, arrival in chain.labels]
    stamps = [stamp for stamp, _ in chain.labels]
    kills = sum(map(len, resumed.values()))
    limit = amount(30, RESUMED)  # the short form shares its machine with whatever else runs
    for role, times in resumed.items():
        row(
            f"kill -9 of the {role}, restart at once",
            len(times),
            f"next label after {np.median(times):.1f} s (median), {max(times):.1f} s (longest)",
            f"{limit:.0f} s",
            max(times) <= limit,
        )
    row(
        "the other nodes and labels meanwhile",
        kills,
        f"{others_ended} other nodes ended, {len(stamps) - len(set(stamps))} labels duplicated, "
        f"oldest label {1e3 * max(ages):.0f} ms after its frame",
        f"none, none, {STALE:.0f} s",
        not others_ended and len(stamps) == len(set(stamps)) and max(ages) < STALE,
    )
    probe.until(lambda: not any(map(young, left)), "shared memory that is old enough")
    chain.nodes["camera"].send(signal.SIGINT)
    chain.nodes["camera"].wait()
    chain.start("camera")
    chain.wait_for_labels(time.time())
    still = [lock for lock in left if lock.exists()]
    row(
        "shared memory of killed nodes, after the next start of a node",
        kills,
        f"{len(still)} of {len(left)} segments left",
        "none",
        not still and len(left) >= kills,
    )


def young(lock: Path) -> bool:
    """Say whether nodes leave the lock alone because its owner may be about to take it."""
    return lock.exists() and time.time() - lock.stat().st_mtime < SETTLED


def test_simulated_time_that_stops_and_jumps(
    fleet: Fleet, probe: Probe, few: np.ndarray, amount: Amount, row: Row
) -> None:
    fleet.start("encoder", "/simulated", model=DIGITS, use_sim_time=True, bitrate=32000.0)
    fleet.start("classifier", "/simulated", models=[str(DIGITS)], use_sim_time=True)
    clock = probe.create_publisher(Clock, "/clock", 10)
    robot = Robot(probe, "/simulated")
    robot.warm_up(few[0])  # while nothing is on /clock
    probe.until(clock.get_subscription_count, "the nodes' clocks")
    jumps = [0.0, 3600.0, -3600.0, 86400.0, -86400.0]
    count, gaps, stamp = 0, [], 10**12
    seconds = amount(0.5, 10)
    for jump in jumps:
        now = 1_000_000.0 + jump
        start = last = time.monotonic()
        labels = len(robot.labels)
        while time.monotonic() - start < seconds:
            elapsed = time.monotonic() - start
            message = Clock()
            # The second half of each: a clock that stands.
            reached = now + min(elapsed, seconds / 2)
            message.clock.sec, message.clock.nanosec = int(reached), int(reached % 1 * 1e9)
            clock.publish(message)
            stamp += 1
            count += 1
            robot.show(few[count % 20], stamp)
            due = time.monotonic() + 0.05
            while time.monotonic() < due:
                probe.serve()
                if len(robot.labels) > labels:
                    gaps.append(time.monotonic() - last)
                    labels, last = len(robot.labels), time.monotonic()
    reports = len(robot.reports)
    probe.until(lambda: len(robot.reports) > reports, "reports while the clock stands")
    row(
        "simulated time: absent, running, standing, jumping 1 h and 1 day forwards and back",
        count,
        f"{len(robot.labels)} frames labelled at 20 a second, "
        f"longest pause {1e3 * max(gaps):.0f} ms",
        "1 s",
        max(gaps) < 1.0 and len(robot.labels) >= 0.8 * count,
    )
