"""Frames that share a message: their stamps, what fits, when it has to go."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.outbox import Bundle, Outbox
from jcc_ros.codec.packet import MAX_OFFSET, split

START = 1_700_000_000_123_456_789  # ns


@pytest.fixture
def outbox(codec: LatentCodec) -> Outbox:
    return Outbox(codec)


def latents(count: int) -> np.ndarray:
    return np.random.default_rng(4).normal(0, 1, (count, 8, 2, 3)).astype(np.float32)


def stamps(bundle: Bundle) -> list[int]:
    return [bundle.stamp + packet.offset for packet in split(bundle.data)]


@given(st.lists(st.integers(1, 1 << 30), max_size=12), st.integers(0, 1 << 62))
def test_stamps_come_back_to_the_nanosecond(
    codec: LatentCodec, gaps: list[int], start: int
) -> None:
    outbox = Outbox(codec)
    sent = [start]
    for gap in gaps:
        sent.append(sent[-1] + gap)
    for stamp, latent in zip(sent, latents(len(sent)), strict=True):
        outbox.add(latent, 0, stamp, "camera", 0.0)
    bundle = outbox.take()
    assert (bundle.stamp, bundle.frames) == (start, len(sent))
    assert stamps(bundle) == sent


def test_packets_are_those_of_the_codec_in_order(codec: LatentCodec, outbox: Outbox) -> None:
    frames = latents(3)
    for index, latent in enumerate(frames):
        outbox.add(latent, index, START + 1000 * index, "camera", 0.0)
    bundle = outbox.take()
    expected = [codec.encode(frames[i], i, 1000 * i) for i in range(3)]
    assert bundle.data == b"".join(packet.to_bytes() for packet in expected)
    assert bundle.payload_bits == sum(8 * len(packet.payload) for packet in expected)
    assert bundle.frame_id == "camera"


def test_taking_empties(outbox: Outbox) -> None:
    outbox.add(latents(1)[0], 0, START, "left", 5.0)
    assert len(outbox) == 1
    outbox.take()
    assert len(outbox) == 0
    assert outbox.deadline(0.5) == math.inf
    # Another camera, an earlier stamp: nothing is left that they could contradict.
    assert outbox.fits(0, "right")
    outbox.add(latents(1)[0], 1, 0, "right", 6.0)
    bundle = outbox.take()
    assert (bundle.stamp, bundle.frame_id, bundle.frames) == (0, "right", 1)


def test_the_deadline_is_the_first_frames(outbox: Outbox) -> None:
    assert outbox.deadline(0.5) == math.inf
    for index, now in enumerate((10.0, 10.2, 10.4)):
        outbox.add(latents(1)[0], 0, START + index, "camera", now)
        assert outbox.deadline(0.5) == 10.5
    assert outbox.deadline(0.0) == 10.0
    outbox.take()
    outbox.add(latents(1)[0], 0, START, "camera", 20.0)
    assert outbox.deadline(0.5) == 20.5


@pytest.mark.parametrize(
    ("stamp", "frame_id"),
    [
        (START + 5, "camera"),  # the same once more
        (START + 4, "camera"),  # back in time
        (START - 1, "camera"),
        (START + MAX_OFFSET + 1, "camera"),  # beyond what an offset can say
        (START + 6, "another"),
        (START + 6, ""),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_trace(
    outbox: Outbox, stamp: int, frame_id: str
) -> None:
    first, second = latents(2)
    outbox.add(first, 0, START, "camera", 0.0)
    outbox.add(second, 0, START + 5, "camera", 0.0)
    assert not outbox.fits(stamp, frame_id)
    with pytest.raises(ValueError, match="does not fit the open message"):
        outbox.add(first, 0, stamp, frame_id, 0.0)
    assert stamps(outbox.take()) == [START, START + 5]


def test_the_greatest_offset_fits(outbox: Outbox) -> None:
    first, second = latents(2)
    outbox.add(first, 0, START, "camera", 0.0)
    assert outbox.fits(START + MAX_OFFSET, "camera")
    outbox.add(second, 0, START + MAX_OFFSET, "camera", 0.0)
    assert stamps(outbox.take()) == [START, START + MAX_OFFSET]


def test_a_latent_that_cannot_be_coded_leaves_the_others(outbox: Outbox) -> None:
    outbox.add(latents(1)[0], 0, START, "camera", 1.0)
    with pytest.raises(ValueError, match="expected"):
        outbox.add(np.zeros((1, 2, 3), np.float32), 0, START + 10, "camera", 2.0)
    # Its stamp counts for nothing either.
    outbox.add(latents(1)[0], 0, START + 5, "camera", 3.0)
    assert stamps(outbox.take()) == [START, START + 5]


def test_a_coarser_point_needs_the_latent_alone(codec: LatentCodec, outbox: Outbox) -> None:
    """The same latent at every point, coarse to fine: the network is not asked again."""
    latent = latents(1)[0]
    for point in range(3):
        outbox.add(latent, point, START + point, "camera", 0.0)
    packets = list(split(outbox.take().data))
    assert [packet.point for packet in packets] == [0, 1, 2]
    sizes = [len(packet.payload) for packet in packets]
    assert all(coarse < fine for coarse, fine in pairwise(sizes))
