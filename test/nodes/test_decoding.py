"""What becomes of a latent message: its frames, and the reason of whatever is refused."""

from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from harness import DIGITS, Fleet, Probe
from jcc_ros.msg import Classification, Latent
from rclpy.qos import qos_profile_sensor_data

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import Packet
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier, save_classifier
from jcc_ros.nodes.decoding import frames_of
from jcc_ros.nodes.stamps import to_time

STAMP = 5 * 10**9 + 7
RECEIVED = Time(sec=6)


@pytest.fixture(scope="module")
def model() -> ClassifierModel:
    return load_classifier(DIGITS)


@pytest.fixture(scope="module")
def alike(model: ClassifierModel) -> ClassifierModel:
    """Another model, whose id begins with the same three digits."""
    begin = model.codec.model_id[:3]
    found = (codec for codec in coarser(model.codec.ladder) if codec.model_id.startswith(begin))
    return replace(model, name="alike", codec=next(found))


def coarser(ladder: Ladder) -> Iterator[LatentCodec]:
    for times in range(1, 10**6):
        step = ladder[0].step * (1 + times / 1e5)
        yield LatentCodec(Ladder(ladder.shape, [replace(ladder[0], step=step)]))


@pytest.fixture(scope="module")
def packet(model: ClassifierModel) -> Packet:
    return noise(model, 1)


def noise(model: ClassifierModel, point: int) -> Packet:
    latent = np.random.default_rng(0).normal(size=model.codec.ladder.shape)
    return model.codec.encode(latent.astype(np.float32), point)


def reasons(refused: list[PacketError]) -> list[tuple[str, str]]:
    return [(error.reason, str(error)) for error in refused]


def message_of(*packets: bytes) -> Latent:
    message = Latent(data=array("B", b"".join(packets)))
    message.header.stamp = to_time(STAMP)
    message.header.frame_id = "left eye"
    return message


def test_every_packet_is_a_frame_of_its_own_time(model: ClassifierModel, packet: Packet) -> None:
    later = Packet.seal(model.codec.model_id, packet.point, packet.payload, offset=1_000)
    message = message_of(packet.to_bytes(), later.to_bytes())
    frames, refused = frames_of(message, [model], RECEIVED)
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
    frames, refused = frames_of(message_of(*parts), [model], RECEIVED)
    assert [frame.packet for frame in frames] == [packet]
    assert reasons(refused) == [
        ("invalid_packet", f"truncated packet: 4 bytes left at byte {3 * len(parts[0])}"),
        (
            "unknown_model",
            f"packet of unknown model {strange.model}, loaded models: {packet.model} (digits)",
        ),
        ("invalid_packet", f"packet of model {packet.model}: the checksum does not match"),
    ]


def test_a_version_of_another_time_is_named(model: ClassifierModel, packet: Packet) -> None:
    data = bytearray(packet.to_bytes())
    data[0] ^= 0b110 << 5
    frames, refused = frames_of(message_of(bytes(data)), [model], RECEIVED)
    assert frames == []
    assert reasons(refused) == [("unknown_version", "packet version 7, this decoder reads 1")]


def test_models_whose_ids_begin_alike_are_told_apart(
    model: ClassifierModel, alike: ClassifierModel, packet: Packet
) -> None:
    other = noise(alike, 0)
    assert other.model == packet.model
    message = message_of(packet.to_bytes(), other.to_bytes())
    for models in ([model, alike], [alike, model]):
        frames, refused = frames_of(message, models, RECEIVED)
        assert refused == []
        assert [frame.model for frame in frames] == [model, alike]
        np.testing.assert_array_equal(frames[1].latent, alike.codec.decode(other))
    frames, refused = frames_of(message, [model], RECEIVED)
    assert [frame.model for frame in frames] == [model]
    assert reasons(refused) == [
        ("invalid_packet", f"packet of model {packet.model}: the checksum does not match")
    ]


def test_a_node_takes_models_whose_ids_begin_alike(
    model: ClassifierModel,
    alike: ClassifierModel,
    packet: Packet,
    fleet: Fleet,
    probe: Probe,
    tmp_path: Path,
) -> None:
    save_classifier(alike, tmp_path)
    fleet.start("classifier", "/alike", models=[str(DIGITS), str(tmp_path)])
    latents = probe.create_publisher(Latent, "/alike/latent", qos_profile_sensor_data)
    labels: list[Classification] = probe.record(Classification, "/alike/labels")
    message = message_of(packet.to_bytes(), noise(alike, 0).to_bytes())

    def both_labelled() -> bool:
        latents.publish(message)
        return {label.model for label in labels} == {"digits", "alike"}

    probe.until(both_labelled, "labels by both models")
    ids = {label.model: label.model_id for label in labels}
    assert ids == {m.name: m.codec.model_id for m in (model, alike)}
