"""What becomes of a latent message: its frames, and the reason of whatever is refused."""

from array import array
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from harness import DIGITS
from jcc_ros.msg import Latent

from jcc_ros.codec.packet import Packet
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.nodes.decoding import frames_of
from jcc_ros.nodes.stamps import to_time

STAMP = 5 * 10**9 + 7
RECEIVED = Time(sec=6)


@pytest.fixture(scope="module")
def model() -> ClassifierModel:
    return load_classifier(DIGITS)


@pytest.fixture(scope="module")
def packet(model: ClassifierModel) -> Packet:
    """A frame of noise."""
    latent = np.random.default_rng(0).normal(size=model.codec.ladder.shape)
    return model.codec.encode(latent.astype(np.float32), 1)


def message_of(*packets: bytes) -> Latent:
    message = Latent(data=array("B", b"".join(packets)))
    message.header.stamp = to_time(STAMP)
    message.header.frame_id = "left eye"
    return message


def loaded(model: ClassifierModel) -> dict[str, ClassifierModel]:
    return {model.codec.model_id[:3]: model}


def test_every_packet_is_a_frame_of_its_own_time(model: ClassifierModel, packet: Packet) -> None:
    later = Packet.seal(model.codec.model_id, packet.point, packet.payload, offset=1_000)
    message = message_of(packet.to_bytes(), later.to_bytes())
    frames, refused = frames_of(message, loaded(model), RECEIVED)
    assert refused == []
    assert [frame.stamp for frame in frames] == [STAMP, STAMP + 1_000]
    assert [frame.packet for frame in frames] == [packet, later]
    bits = latent_message_bits("left eye", len(message.data))
    for frame in frames:
        assert (frame.frame_id, frame.received) == ("left eye", RECEIVED)
        assert frame.model is model
        assert frame.wire_bits == bits // 2
        np.testing.assert_array_equal(frame.latent, model.codec.decode(packet))


def test_what_is_refused_does_not_take_the_rest_along(
    model: ClassifierModel, packet: Packet
) -> None:
    strange = replace(packet, model=f"{int(packet.model, 16) ^ 1:03x}")
    damaged = replace(packet, checksum=packet.checksum ^ 1)
    parts = [strange.to_bytes(), damaged.to_bytes(), packet.to_bytes(), b"rest"]
    frames, refused = frames_of(message_of(*parts), loaded(model), RECEIVED)
    assert [frame.packet for frame in frames] == [packet]
    assert refused == [
        ("invalid_packet", f"truncated packet: 4 bytes at byte {3 * len(parts[0])}"),
        ("unknown_model", f"model id {strange.model}, loaded: {packet.model} (digits)"),
        ("invalid_packet", f"packet of model {packet.model}: the checksum fails"),
    ]


def test_a_version_of_another_time_is_named(model: ClassifierModel, packet: Packet) -> None:
    data = bytearray(packet.to_bytes())
    data[0] ^= 0b110 << 5
    frames, refused = frames_of(message_of(bytes(data)), loaded(model), RECEIVED)
    assert frames == []
    assert refused == [("unknown_version", "packet version 7, this decoder reads 1")]
