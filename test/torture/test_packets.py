"""A million damaged packets through the codec, thousands through a live classifier."""

import time
from array import array
from itertools import islice

import pytest
from counts import Counts
from harness import DIGITS, Fleet, Probe, stamp_of
from hostile import accepted, codec_of, damaged, good_packets
from jcc_ros.msg import Classification, Latent
from process_use import use
from report import Amount, Row

from jcc_ros.codec.latent_codec import LatentCodec

GROWTH = 4 << 20  # bytes that count as flat
TOPIC = "/hostile/image_raw"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def codec() -> LatentCodec:
    return codec_of(DIGITS)


@pytest.mark.timeout(600)
def test_damaged_packets_through_the_codec(codec: LatentCodec, amount: Amount, row: Row) -> None:
    count = amount(20_000, 1_000_000)
    packets = good_packets(codec, 500, seed=0)
    stream = damaged(packets, seed=1)
    assert all(len(accepted(codec, packet)) == 1 for packet in packets)
    unnoticed, longest, before = 0, 0.0, 0
    whole = tuple(packets)
    for index in range(count):
        if index == count // 2:  # by then it has loaded all that it needs
            before = use().memory
        data = next(stream)
        started = time.process_time()
        # A packet that was prefixed or followed by damage may itself be whole.
        unnoticed += len(accepted(codec, data)) > data.startswith(whole)
        longest = max(longest, time.process_time() - started)
    growth = use().memory - before
    detected = 1 - unnoticed / count
    row(
        "damaged packets through the codec",
        count,
        f"{detected:.5%} detected ({unnoticed} not), longest {1e3 * longest:.1f} ms, "
        f"memory {growth / MEGABYTE:+.1f} MiB",
        "99.99 % detected, no exception, 4 MiB",
        detected >= 0.9999 and growth < GROWTH,
    )


@pytest.mark.timeout(600)
def test_damaged_packets_through_a_classifier(
    codec: LatentCodec,
    amount: Amount,
    row: Row,
    fleet: Fleet,
    probe: Probe,
) -> None:
    count = amount(4_000, 20_000)
    # Reliable and deep, so that every message really arrives.
    qos = f"qos_overrides.{TOPIC}/latent.subscription"
    classifier = fleet.start(
        "classifier",
        models=[str(DIGITS)],
        **{f"{qos}.reliability": "reliable", f"{qos}.depth": 1000},
    )
    latents = probe.create_publisher(Latent, f"{TOPIC}/latent", 1000)
    labels: list[Classification] = probe.record(Classification, f"{TOPIC}/labels")
    counts = Counts(probe, "/classifier", f"{TOPIC}/latent")
    probe.until(latents.get_subscription_count, "the classifier's subscription")
    probe.until(lambda: probe.count_publishers(f"{TOPIC}/labels"), "labels")

    packets = good_packets(codec, 100, seed=2)
    allowed, before = set(), 0
    for index, data in enumerate(islice(damaged(packets, seed=3), count)):
        if index == count // 10:
            before = use(classifier.pid).memory
        if index % 100 == 0:
            data = packets[index // 100 % len(packets)]
        message = Latent(data=array("B", data))
        message.header.stamp.sec = index
        allowed |= {index * 10**9 + packet.offset for packet in accepted(codec, data)}
        latents.publish(message)
        if index % 100 == 99:  # as fast as it takes them
            probe.until(lambda n=index: counts().get("messages", 0) > n - 500, "messages")
    probe.until(lambda: counts().get("messages", 0) >= count, counts)
    probe.until(lambda: len(labels) >= len(allowed), "labels of the good packets")
    growth = use(classifier.pid).memory - before
    assert classifier.running()
    wrong = len({stamp_of(label) for label in labels} - allowed)
    row(
        "damaged packets to a live classifier",
        count,
        f"{len(labels)} labels, {wrong} of them from packets that fail their checks, "
        f"{counts.dropped()} packets counted as dropped, memory {growth / MEGABYTE:+.1f} MiB",
        "none, 4 MiB",
        not wrong and len(labels) >= count // 100 and growth < GROWTH,
    )
