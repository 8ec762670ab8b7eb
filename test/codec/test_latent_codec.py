"""The codec as the nodes use it: latents to bytes and back, and what happens to wrong bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import Packet, split
from jcc_ros.codec.quantizer import dequantize

latents = arrays(np.float32, (8, 2, 3), elements=st.floats(width=32) | st.floats(-4, 4, width=32))


@given(latents, st.integers(0, 2), st.integers(0, 1 << 30))
def test_a_latent_comes_back_as_its_bins_centres(
    codec: LatentCodec, latent: np.ndarray, point: int, offset: int
) -> None:
    chosen = codec.ladder[point]
    data = codec.encode(latent, point, offset).to_bytes()
    (packet,) = split(data)
    received = codec.decode(packet)

    assert (packet.point, packet.offset) == (point, offset)
    assert received.dtype == np.float32
    assert received.shape == (8, 2, 3)
    expected = dequantize(codec.symbols(latent, point), chosen.step)
    np.testing.assert_array_equal(received[: chosen.prefix].ravel(), expected)
    assert not received[chosen.prefix :].any()
    # The bytes carry nothing more than the symbols.
    assert codec.encode(received, point, offset).to_bytes() == data


def test_elements_go_channel_by_channel_row_by_row(codec: LatentCodec) -> None:
    latent = np.zeros((8, 2, 3), np.float32)
    latent[1, 0, 2] = 1.0
    assert np.flatnonzero(codec.symbols(latent, 0)).tolist() == [1 * 6 + 0 * 3 + 2]


def test_symbols_of_a_batch_equal_those_of_each(
    codec: LatentCodec, rng: np.random.Generator
) -> None:
    batch = rng.normal(0, 2, (4, 8, 2, 3)).astype(np.float32)
    each = np.stack([codec.symbols(latent, 1) for latent in batch])
    np.testing.assert_array_equal(codec.symbols(batch, 1), each)


def test_what_is_received_of_a_batch_is_what_decoding_gives(
    codec: LatentCodec, rng: np.random.Generator
) -> None:
    batch = rng.normal(0, 2, (4, 8, 2, 3)).astype(np.float32)
    for point in range(len(codec.ladder)):
        decoded = [codec.decode(codec.encode(latent, point)) for latent in batch]
        np.testing.assert_array_equal(codec.received(batch, point), decoded)
        np.testing.assert_array_equal(codec.received(batch[2], point), decoded[2])


def test_several_frames_in_one_message(codec: LatentCodec, rng: np.random.Generator) -> None:
    frames = rng.normal(0, 1, (4, 8, 2, 3)).astype(np.float32)
    offsets = [0, 33_000_000, 66_000_000, 1_000_000_000]
    points = [2, 0, 1, 2]
    data = b"".join(
        codec.encode(frame, point, offset).to_bytes()
        for frame, point, offset in zip(frames, points, offsets, strict=True)
    )
    found = list(split(data))
    assert [packet.offset for packet in found] == offsets
    assert [packet.point for packet in found] == points
    for packet, frame, point in zip(found, frames, points, strict=True):
        np.testing.assert_array_equal(
            codec.symbols(codec.decode(packet), point), codec.symbols(frame, point)
        )


def test_a_corrupt_frame_costs_only_itself(codec: LatentCodec, rng: np.random.Generator) -> None:
    packet = codec.encode(rng.normal(0, 1, (8, 2, 3)).astype(np.float32), 1).to_bytes()
    corrupt = bytearray(packet)
    corrupt[6] ^= 1
    first, second, third = split(packet + bytes(corrupt) + packet)
    np.testing.assert_array_equal(codec.decode(first), codec.decode(third))
    with pytest.raises(PacketError, match="the checksum does not match"):
        codec.decode(second)


@pytest.mark.parametrize("shape", [(8, 2, 2), (8, 3, 2), (7, 2, 3), (1, 8, 2, 3), (48,)])
def test_refuses_latents_of_another_shape(codec: LatentCodec, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(8, 2, 3\)"):
        codec.encode(np.zeros(shape, np.float32), 0)


def test_refuses_an_operating_point_that_the_model_lacks(codec: LatentCodec) -> None:
    packet = Packet.seal(codec.model_id, 3, b"payload")
    with pytest.raises(PacketError, match=r"no operating point 3, the model has 0 \.\. 2"):
        codec.decode(packet)


def test_refuses_another_models_packet(codec: LatentCodec) -> None:
    other = LatentCodec(Ladder((8, 2, 3), codec.ladder[:2]))
    packet = other.encode(np.zeros((8, 2, 3), np.float32), 0)
    with pytest.raises(PacketError, match=f"packet of model {other.model_id[:3]}, expected"):
        codec.decode(packet)


def test_refuses_a_sealed_payload_that_is_no_range_code(codec: LatentCodec) -> None:
    with pytest.raises(PacketError, match="not a valid range code"):
        codec.decode(Packet.seal(codec.model_id, 0, b"\xff" * 8))


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a packet in one of the ways in which links and programs do."""
    changed = bytearray(data)
    kind = rng.integers(6)
    if kind == 0:  # flip one to four bits
        for bit in rng.choice(8 * len(data), rng.integers(1, 5), replace=False):
            changed[bit // 8] ^= 1 << bit % 8
    elif kind == 1:  # truncate
        del changed[rng.integers(len(data)) :]
    elif kind == 2:  # extend
        changed += rng.bytes(rng.integers(1, 12))
    elif kind == 3:  # overwrite a run
        start = rng.integers(len(data))
        run = rng.bytes(rng.integers(1, 8))
        changed[start : start + len(run)] = run
    elif kind == 4:  # lose a byte
        del changed[rng.integers(len(data))]
    else:  # gain a byte
        changed.insert(rng.integers(len(data)), rng.integers(256))
    return bytes(changed)


def test_damage_is_detected(codec: LatentCodec, rng: np.random.Generator) -> None:
    """20,000 damaged packets; a 16-bit checksum lets through one in 65,536 at random."""
    frames = rng.normal(0, 1.5, (50, 8, 2, 3)).astype(np.float32)
    sent = [
        codec.encode(frame, i % 3, int(rng.integers(1 << 31)) * (i % 2)).to_bytes()
        for i, frame in enumerate(frames)
    ]
    genuine = set(sent)
    tried = passed = 0
    while tried < 20_000:
        damaged = mutate(sent[tried % len(sent)], rng)
        if damaged in genuine:
            continue
        tried += 1
        try:
            for packet in split(damaged):
                codec.decode(packet)
                # A whole packet before appended bytes is genuine, and is rightly read.
                passed += packet.to_bytes() not in genuine
        except PacketError:
            pass
    assert passed <= 2
