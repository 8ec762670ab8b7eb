"""Two cameras at 30 frames a second for long, while the bit rate changes all the time."""

import time
from pathlib import Path

import numpy as np
import pytest
from harness import DIGITS, Fleet, Probe, stamp_of
from jcc_ros.msg import Classification
from process_use import Use, use
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from report import Amount, Row

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder

NAMESPACE = "/enduring"
CAMERAS = ("front", "rear")
FPS = 30.0
SAMPLE = 1.0  # s
CHANGE = 6.0  # s between two bit rates
BITRATES = (4e3, 16e3, 64e3, 256e3, 0.0)
KIBIBYTE = 1 << 10
GROWTH = 4  # MiB in three quarters of the time


@pytest.mark.timeout(900)
def test_two_cameras_for_long(
    fleet: Fleet, probe: Probe, tmp_path: Path, amount: Amount, row: Row
) -> None:
    save_folder(digits("test").sample(100, seed=1), tmp_path / "images")
    topics = [f"{NAMESPACE}/{name}/image_raw" for name in CAMERAS]
    nodes = {
        "classifier": fleet.start("classifier", NAMESPACE, models=[str(DIGITS)]),
        "encoder": fleet.start("encoder", NAMESPACE, model=DIGITS, image_topics=topics),
    }
    for name in CAMERAS:
        size = {"width": 160, "height": 120}
        fleet.start("camera", f"{NAMESPACE}/{name}", source=tmp_path / "images", fps=FPS, **size)
    labels: list[tuple[float, float]] = []  # arrival and latency, s
    for topic in topics:
        probe.create_subscription(
            Classification,
            f"{topic}/labels",
            lambda m: labels.append((time.time(), time.time() - stamp_of(m) / 1e9)),
            1000,
        )
    client = probe.create_client(SetParameters, f"{NAMESPACE}/encoder/set_parameters")
    probe.until(lambda: len(labels) > 10, "labels")
    seconds = amount(10, 600)
    end, sampled, changed, changes = time.time() + seconds, 0.0, 0.0, 0
    samples: dict[str, list[Use]] = {name: [] for name in nodes}
    times: list[float] = []
    while (now := time.time()) < end:
        probe.serve()
        if now - sampled >= SAMPLE:
            sampled = now
            times.append(now)
            for name, node in nodes.items():
                samples[name].append(use(node.pid))
        if now - changed >= CHANGE:
            changed, changes = now, changes + 1
            value = Parameter("bitrate", value=BITRATES[changes % len(BITRATES)])
            client.call_async(SetParameters.Request(parameters=[value.to_parameter_msg()]))

    settled = len(times) // 4
    minutes = np.array(times[settled:]) / 60
    for name, node in nodes.items():
        assert node.running()
        memory, files, threads = np.array(samples[name][settled:], float).T
        slope = np.polyfit(minutes - minutes[0], memory, 1)[0] / KIBIBYTE
        growth = (memory[-1] - memory[0]) / KIBIBYTE**2
        row(
            f"{name}, two cameras at {FPS:.0f} frames a second, {changes} changes of the bit rate",
            int(seconds),
            f"memory {memory[-1] / KIBIBYTE**2:.0f} MiB, {growth:+.1f} MiB in the last three "
            f"quarters, {slope:+.0f} KiB a minute; "
            f"{files.min():.0f} to {files.max():.0f} files, "
            f"{threads.min():.0f} to {threads.max():.0f} threads",
            f"{GROWTH} MiB, as many files and threads at the end",
            growth <= GROWTH and files[-1] <= files[0] and threads[-1] <= threads[0],
        )
    arrivals, latencies = np.array(labels).T
    minute = min(60, seconds / 3)
    first = latencies[arrivals < end - seconds + minute]
    last = latencies[arrivals >= end - minute]
    # The same bit rates in both: the pattern repeats every 30 s.
    (median, tail), (last_median, last_tail) = (
        [1e3 * np.percentile(part, percentile) for percentile in (50, 95)] for part in (first, last)
    )
    noise = amount(100, 2)  # ms; the short form shares its machine with whatever else runs
    row(
        f"latency of the first and the last {minute:.0f} s",
        len(labels),
        f"median {median:.1f} and {last_median:.1f} ms, 95 % {tail:.1f} and {last_tail:.1f} ms",
        f"25 % + {noise:.0f} ms apart",
        last_median <= 1.25 * median + noise and last_tail <= 1.25 * tail + noise,
    )
