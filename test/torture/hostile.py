"""Packets that were damaged at random, and what of them is still valid."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import Packet, split
from jcc_ros.networks.classifier_model import load_classifier


def codec_of(folder: Path) -> LatentCodec:
    return load_classifier(folder).codec


def good_packets(codec: LatentCodec, count: int, seed: int) -> list[bytes]:
    """Return packets of random latents at all operating points, some with an offset."""
    rng = np.random.default_rng(seed)
    packets = []
    for index in range(count):
        latent = rng.normal(0, 3, codec.ladder.shape).astype(np.float32)
        offset = int(rng.integers(0, 2**33)) if index % 4 == 0 else 0
        packets.append(codec.encode(latent, index % len(codec.ladder), offset).to_bytes())
    return packets


def damaged(packets: list[bytes], seed: int) -> Iterator[bytes]:
    """Yield damaged packets for ever; each differs from what it was made of."""
    rng = random.Random(seed)
    known = set(packets)
    while True:
        data = _KINDS[rng.randrange(len(_KINDS))](rng, rng.choice(packets), packets)
        if data not in known:
            yield data


def accepted(codec: LatentCodec, data: bytes) -> list[Packet]:
    """Return the packets of a message that the codec decodes.

    Anything but a PacketError is a defect and passes through.
    """
    found = []
    try:
        for packet in split(data):
            codec.decode(packet)
            found.append(packet)
    except PacketError:
        pass
    return found


def _noise(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    return rng.randbytes(rng.randrange(0, 80))


def _noise_after_a_header(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    return packet[:4] + rng.randbytes(len(packet) - 4)


def _flipped_bits(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    changed = bytearray(packet)
    for _ in range(rng.choice((1, 1, 2, 3, 4, 8, 20))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _burst(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    start = rng.randrange(len(packet))
    size = min(rng.randrange(1, 9), len(packet) - start)
    return packet[:start] + rng.randbytes(size) + packet[start + size :]


def _truncated(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    return packet[: rng.randrange(len(packet))]


def _extended(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    at = rng.randrange(len(packet))
    return packet[:at] + rng.randbytes(rng.randrange(1, 20)) + packet[at:]


def _spliced(rng: random.Random, packet: bytes, packets: list[bytes]) -> bytes:
    other = rng.choice(packets)
    return packet[: rng.randrange(len(packet))] + other[rng.randrange(len(other)) :]


_KINDS = (
    _noise,
    _noise_after_a_header,
    _flipped_bits,
    _flipped_bits,
    _burst,
    _truncated,
    _extended,
    _spliced,
)
