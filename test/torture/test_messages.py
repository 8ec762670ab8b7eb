"""A flood on one topic, strange messages on another, and a robot that goes on meanwhile."""

import time
from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from counts import Counts
from harness import DIGITS, Fleet, NodeProcess, Probe, stamp_of
from hostile import codec_of, good_packets
from jcc_ros.msg import Classification, Latent
from process_use import use
from rclpy.qos import qos_profile_sensor_data
from report import Amount, Row

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import MAX_PACKETS, Packet

RATE = 2000  # messages a second
OTHER = 10
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def codec() -> LatentCodec:
    return codec_of(DIGITS)


@pytest.fixture(scope="module")
def classifier(fleet: Fleet) -> NodeProcess:
    return fleet.start("classifier", models=[str(DIGITS)])


class Talker:
    """A topic of latents that the test writes itself, its labels, and the classifier's counts."""

    def __init__(self, probe: Probe, base: str) -> None:
        self.probe = probe
        self.sent = 0
        self.counts = Counts(probe, "/classifier", f"{base}/latent")
        self._arrived: list[tuple[float, Classification]] = []
        probe.create_subscription(
            Classification,
            f"{base}/labels",
            lambda label: self._arrived.append((time.monotonic(), label)),
            1000,
        )
        self._times: dict[int, float] = {}
        self._latents = probe.create_publisher(Latent, f"{base}/latent", qos_profile_sensor_data)
        probe.until(self._latents.get_subscription_count, "the classifier's subscription")
        probe.until(lambda: probe.count_publishers(f"{base}/labels"), "labels")

    def send(self, data: bytes, stamp: Time | None = None) -> int:
        """Send a message, by default with a new stamp; return its stamp in ns."""
        self.sent += 1
        message = Latent(data=array("B", data))
        message.header.stamp = stamp or Time(sec=self.sent, nanosec=1)
        self._latents.publish(message)
        self._times[stamp_of(message)] = time.monotonic()
        return stamp_of(message)

    def leave(self) -> None:
        """Send no more."""
        self.probe.destroy_publisher(self._latents)

    def labels(self) -> list[int]:
        """Return the stamps of all labels, in the order of their arrival."""
        return [stamp_of(label) for _, label in self._arrived]

    def latencies(self) -> np.ndarray:
        """Return the time from sending to label of every label, s."""
        return np.array([at - self._times[stamp_of(label)] for at, label in self._arrived])


def test_a_flood_keeps_the_newest_counts_the_rest_and_disturbs_nobody(
    classifier: NodeProcess, probe: Probe, codec: LatentCodec, amount: Amount, row: Row
) -> None:
    packets = good_packets(codec, 50, seed=4)
    packets = [packet for index, packet in enumerate(packets) if index % 4]  # without offsets
    flood, calm = Talker(probe, "/flood"), Talker(probe, "/calm")
    seconds = amount(2, 20)
    started = time.monotonic()
    before = use(classifier.pid).memory
    while (passed := time.monotonic() - started) < seconds:
        while flood.sent < passed * RATE:
            flood.send(packets[flood.sent % len(packets)])
        while calm.sent < passed * OTHER:
            calm.send(packets[calm.sent % len(packets)])
        probe.serve()
    # One message after all of that shows the gap before it.
    last = flood.send(packets[0])
    probe.until(lambda: last in flood.labels(), "the label of the last message")
    probe.until(lambda: flood.counts.accounted() >= flood.sent, flood.counts)
    growth = use(classifier.pid).memory - before
    found = flood.counts()
    row(
        f"flood of {RATE} messages a second for {seconds} s",
        flood.sent,
        f"{found['labelled']} labelled, {flood.counts.dropped()} counted as dropped, "
        f"{flood.sent - flood.counts.accounted()} unaccounted; median latency "
        f"{1e3 * np.median(flood.latencies()):.0f} ms, memory {growth / MEGABYTE:+.1f} MiB",
        "every message accounted for, the last one labelled, 32 MiB",
        flood.sent == flood.counts.accounted() and growth < 32 * MEGABYTE,
    )
    served = len(calm.labels())
    row(
        f"another topic with {OTHER} messages a second meanwhile",
        calm.sent,
        f"{served} labelled, median latency {1e3 * np.median(calm.latencies()):.0f} ms, "
        f"longest {1e3 * calm.latencies().max():.0f} ms",
        "95 %",
        served >= 0.95 * calm.sent,
    )


def test_strange_messages(
    classifier: NodeProcess, probe: Probe, codec: LatentCodec, amount: Amount, row: Row
) -> None:
    good = codec.encode(np.zeros(codec.ladder.shape, np.float32), 0).to_bytes()
    other = f"{int(codec.model_id[:3], 16) ^ 1:03x}" + codec.model_id[3:]
    strange = {
        "empty": (b"", "invalid_packet"),
        "10 MB of noise": (np.random.default_rng(0).bytes(10_000_000), None),
        "more packets than allowed": ((MAX_PACKETS + 1) * good, "invalid_packet"),
        "operating point out of range": (
            Packet.seal(codec.model_id, 31, b"").to_bytes(),
            "invalid_packet",
        ),
        "unknown model": (Packet.seal(other, 0, b"x").to_bytes(), "unknown_model"),
        "unknown version": (bytes([good[0] ^ 0x40]) + good[1:], "unknown_version"),
    }
    talker = Talker(probe, "/strange")
    expected: dict[str, int] = {}
    rounds = int(amount(3, 100))
    for _ in range(rounds):
        for data, reason in strange.values():
            talker.send(data)
            if reason:
                expected[reason] = expected.get(reason, 0) + 1
            stamp = talker.send(good)
            probe.until(lambda s=stamp: s in talker.labels(), "the label of a good message")
    for reason, count in expected.items():
        probe.until(
            lambda r=reason, n=count: talker.counts().get(f"dropped {r}", 0) >= n, talker.counts
        )
    lines = [
        line
        for line in classifier.output().splitlines()
        if "packets are dropped" in line and "/strange/" in line
    ]
    labels = len(talker.labels())
    # Of those with too many packets the first ones are good.
    wanted = rounds * (len(strange) + MAX_PACKETS)
    row(
        f"invalid messages: {', '.join(strange)}",
        rounds * len(strange),
        f"all counted by cause; {len(lines)} log lines of {len(expected)} causes; "
        "the good message after each labelled",
        "one line a cause and minute",
        labels == wanted and len(lines) == len(expected),
    )


def test_stamps_that_go_back_jump_and_repeat(
    classifier: NodeProcess, probe: Probe, codec: LatentCodec, amount: Amount, row: Row
) -> None:
    good = codec.encode(np.zeros(codec.ladder.shape, np.float32), 0).to_bytes()
    talker = Talker(probe, "/stamps")
    rng = np.random.default_rng(1)
    count = int(amount(50, 1000))
    sent = []
    for index in range(count):
        kind = index % 4
        seconds = (5, int(rng.integers(-(2**31), 2**31)), 2**31 - 1, index)[kind]
        sent.append(talker.send(good, Time(sec=seconds, nanosec=int(rng.integers(0, 10**9)))))
        probe.until(lambda n=index: len(talker.labels()) > n, "the next label")
    row(
        "stamps that repeat, jump, go backwards, are the least or the greatest",
        count,
        f"{len(talker.labels())} labelled, each with its stamp",
        "all",
        talker.labels() == sent,
    )


def test_topics_whose_senders_go_and_come_back(
    classifier: NodeProcess, probe: Probe, codec: LatentCodec, amount: Amount, row: Row
) -> None:
    good = codec.encode(np.zeros(codec.ladder.shape, np.float32), 0).to_bytes()
    bases = [f"/leaving_{index}" for index in range(int(amount(2, 20)))]
    for _ in range(2):
        talkers = [Talker(probe, base) for base in bases]
        for talker in talkers:
            stamp = talker.send(good)
            probe.until(lambda t=talker, s=stamp: s in t.labels(), "a label")
            talker.leave()
        left = time.monotonic()
        for base in bases:
            probe.until(
                lambda b=base: not probe.count_publishers(f"{b}/labels"), "the end of labels"
            )
        waited = time.monotonic() - left
    row(
        "topics whose senders go, come back, and go again",
        len(bases),
        f"labelled each time, left after {waited:.0f} s",
        "20 s",
        waited < 20,
    )
