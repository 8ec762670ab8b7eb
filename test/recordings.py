"""Writes bags as a camera, an encoder and a classifier would have filled them, without a ROS."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets import ros_types
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel

START = 1_700_000_000 * 10**9  # ns
PERIOD = 33_333_333  # ns
TO_IMAGE, TO_LATENT, TO_LABEL = 1_000_000, 5_000_000, 21_000_000  # ns from the stamp

Halves = tuple[EncoderModel, ClassifierModel]


@dataclass
class Recording:
    """Collects messages, and writes them in order of time.

    Attributes:
        messages: (time in ns, topic, type, message).
    """

    messages: list[tuple[int, str, str, Any]] = field(default_factory=list)
    store: Any = field(default_factory=ros_types.typestore)

    def make(self, kind: str, *fields: Any) -> Any:
        return self.store.types[kind](*fields)

    def time(self, stamp: int) -> Any:
        return self.make("builtin_interfaces/msg/Time", stamp // 10**9, stamp % 10**9)

    def header(self, stamp: int) -> Any:
        return self.make("std_msgs/msg/Header", self.time(stamp), "camera")

    def add(self, time: int, topic: str, kind: str, message: Any) -> None:
        self.messages.append((time, topic, kind, message))

    def image(self, stamp: int, pixels: np.ndarray, topic: str = "/image_raw") -> None:
        height, width, _ = pixels.shape
        fields = (self.header(stamp), height, width, "rgb8", 0, 3 * width, pixels.reshape(-1))
        self.add(stamp + TO_IMAGE, topic, ros_types.IMAGE, self.make(ros_types.IMAGE, *fields))

    def latent(self, stamp: int, data: bytes, topic: str = "/image_raw/latent") -> None:
        message = self.make(
            ros_types.LATENT, self.header(stamp), np.frombuffer(bytearray(data), np.uint8)
        )
        self.add(stamp + TO_LATENT, topic, ros_types.LATENT, message)

    def classification(
        self,
        stamp: int,
        labels: list[str],
        scores: list[float],
        topic: str = "/image_raw/labels",
        point: int = 0,
        payload_bits: int = 0,
        wire_bits: int = 0,
        delay: int = TO_LABEL,
    ) -> None:
        received = self.time(stamp + delay - 2_000_000)
        classified = self.time(stamp + delay - 1_000_000)
        fields = ("tiny", "ab" * 32, labels, np.array(scores, np.float32), point, payload_bits)
        message = self.make(
            ros_types.CLASSIFICATION, self.header(stamp), *fields, wire_bits, received, classified
        )
        self.add(stamp + delay, topic, ros_types.CLASSIFICATION, message)

    def truth(self, stamp: int, label: str, topic: str = "/image_raw/truth") -> None:
        zero = self.time(0)
        fields = (self.header(stamp), "", "", [label], np.ones(1, np.float32), 0, 0, 0, zero, zero)
        message = self.make(ros_types.CLASSIFICATION, *fields)
        self.add(stamp, topic, ros_types.CLASSIFICATION, message)

    def text(self, time: int, topic: str, text: str) -> None:
        self.add(time, topic, ros_types.STRING, self.make(ros_types.STRING, text))

    def status(self, time: int, target: float, sent: int, dropped: dict[str, int]) -> None:
        counts = [self.make("jcc_ros/msg/DropCount", *pair) for pair in dropped.items()]
        topic = self.make(
            "jcc_ros/msg/TopicStatus",
            *("/image_raw", sent + sum(dropped.values()), sent, counts),
            *(30.0, 30.0, target, 0, 0.9, 40.0, 0.002),
        )
        fields = (self.header(time), "tiny", "ab" * 32, target, 0.9 * target, 0.0, "", [topic])
        message = self.make(ros_types.ENCODER_STATUS, *fields)
        self.add(time, "/encoder/status", ros_types.ENCODER_STATUS, message)

    def write(
        self,
        path: Path,
        storage: StoragePlugin = StoragePlugin.MCAP,
        compression: CompressionMode = CompressionMode.NONE,
        store: Any = None,
    ) -> Path:
        """Write a bag folder; `store` replaces the definitions."""
        writer = Writer(path, version=9, storage_plugin=storage)
        if compression != CompressionMode.NONE:
            writer.set_compression(compression, CompressionFormat.ZSTD)
        store = store or self.store
        with writer:
            known: dict[str, Any] = {}
            for time, topic, kind, message in sorted(self.messages, key=lambda m: m[0]):
                if topic not in known:
                    known[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(known[topic], time, bytes(store.serialize_cdr(message, kind)))
        return path


def drive(
    halves: Halves,
    data: LabelledImages,
    count: int,
    *,
    images: bool = False,
    latents: bool = True,
    labels: bool = True,
    truth: bool = True,
    point: int = -1,
    per_message: int = 1,
    size: int = 32,
) -> Recording:
    """Return what a robot records that sees `count` images of `data`, one after the other."""
    encoder, classifier = halves
    point %= len(encoder.codec.ladder)
    recording = Recording()
    waiting: list[tuple[int, bytes, int]] = []
    for index in range(count):
        stamp = START + index * PERIOD
        picture = data.images[index % len(data)]
        name = data.classes[data.labels[index % len(data)]]
        pixels = np.kron(picture, np.ones((size // 32, size // 32, 1), np.uint8))
        if truth:
            recording.truth(stamp, name)
        if images:
            recording.image(stamp, pixels)
        latent = encoder.latent(pixels)
        first = waiting[0][0] if waiting else stamp
        packet = encoder.codec.encode(latent, point, stamp - first)
        waiting.append((stamp, packet.to_bytes(), 8 * len(packet.payload)))
        if len(waiting) < per_message and index + 1 < count:
            continue
        message = b"".join(data for _, data, _ in waiting)
        if latents:
            recording.latent(waiting[0][0], message)
            recording.messages[-1] = (stamp + TO_LATENT, *recording.messages[-1][1:])
        for sent, wire, bits in waiting:
            latent = classifier.codec.decode(_only(wire))
            scores = classifier.scores(latent[None], point)[0]
            best = np.argsort(-scores, kind="stable")[:3]
            if labels:
                recording.classification(
                    sent,
                    [classifier.classes[i] for i in best],
                    [float(scores[i]) for i in best],
                    point=point,
                    payload_bits=bits,
                    wire_bits=latent_message_bits("camera", len(message)) // len(waiting),
                    delay=stamp - sent + TO_LABEL,
                )
        waiting = []
    return recording


def _only(data: bytes) -> Any:
    from jcc_ros.codec.packet import split

    (packet,) = split(data)
    return packet
