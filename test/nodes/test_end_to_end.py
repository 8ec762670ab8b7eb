"""Image in, label out, through three processes: bit for bit what the offline evaluation says."""

import time
from pathlib import Path

import numpy as np
import pytest
from harness import DIGITS, ROOT, Fleet, Probe, Robot, as_compressed, stamp_of

from jcc_ros.codec.packet import split
from jcc_ros.codec.rate import frame_bits
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder

CIFAR10 = ROOT / "models" / "cifar10"
IMAGES = 500
START = 1_700_000_000_000_000_001  # ns
PERIOD = 33_333_333  # ns


class Offline:
    """What the evaluation makes of an image: latent, packet, latent, scores."""

    def __init__(self, folder: Path) -> None:
        self.encoder: EncoderModel = load_encoder(folder, "cpu")
        self.classifier: ClassifierModel = load_classifier(folder, "cpu")
        self.finest = len(self.encoder.codec.ladder) - 1

    def packet(self, image: np.ndarray, point: int) -> bytes:
        return self.encoder.codec.encode(self.encoder.latent(image), point).to_bytes()

    def scores(self, packet: bytes) -> np.ndarray:
        (found,) = split(packet)
        return self.classifier.scores(self.classifier.codec.decode(found)[None], found.point)[0]


@pytest.fixture(scope="module", autouse=True)
def host(fleet: Fleet) -> None:
    """One classifier with all models that are there; started first, since it takes longest."""
    models = [str(folder) for folder in (DIGITS, CIFAR10) if folder.is_dir()]
    fleet.start("classifier", models=models)


def compare(robot: Robot, offline: Offline, images: np.ndarray, sent: list[int]) -> None:
    """Compare every payload and every label with the offline evaluation's."""
    latents = {stamp_of(message): message for message in robot.latents}
    labels = {stamp_of(message): message for message in robot.labels}
    assert len(latents) == len(robot.latents), "a latent came twice"
    assert len(labels) == len(robot.labels), "a label came twice"
    classes = offline.classifier.classes
    for stamp, image in zip(sent, images, strict=True):
        message, label = latents[stamp], labels[stamp]
        packet = offline.packet(image, label.operating_point)
        assert message.data.tobytes() == packet
        assert message.header.frame_id == label.header.frame_id == f"camera {stamp % 3}"
        assert label.payload_bits == 8 * (len(packet) - 6)
        assert label.wire_bits == latent_message_bits(label.header.frame_id, len(packet))
        scores = offline.scores(packet)
        best = np.argsort(-scores, kind="stable")[:3]
        assert label.labels[0] == classes[best[0]]
        np.testing.assert_allclose(label.scores, scores[best], atol=1e-5)
        assert label.model == offline.classifier.name
        assert label.model_id == offline.encoder.codec.model_id


def show_all(robot: Robot, images: np.ndarray) -> list[int]:
    """Publish every image as soon as the one before is labelled; return the stamps."""
    first = robot.warm_up(images[0])
    robot.probe.until(lambda: robot.labelled(first))
    robot.latents.clear()
    robot.labels.clear()
    stamps = [START + PERIOD * index for index in range(len(images))]
    for stamp, image in zip(stamps, images, strict=True):
        robot.label(image, stamp, f"camera {stamp % 3}")
    robot.probe.until(lambda: robot.latent(stamps[-1]))
    return stamps


def test_cifar10(fleet: Fleet, probe: Probe, cifar10_test: LabelledImages) -> None:
    if not CIFAR10.is_dir():
        pytest.skip("no models/cifar10: `jcc train config/train/cifar10.yaml` makes one")
    offline = Offline(CIFAR10)
    chosen = cifar10_test.sample(IMAGES, seed=5)
    fleet.start("encoder", "/cifar10", model=CIFAR10)
    robot = Robot(probe, "/cifar10")
    stamps = show_all(robot, chosen.images)

    compare(robot, offline, chosen.images, stamps)
    # Without a limit on bits the plan is the finest point of the ladder.
    points = {label.operating_point for label in robot.labels}
    assert points == {len(offline.encoder.codec.ladder) - 1}
    report = robot.report(lambda status: bool(status.topics))
    assert report.topics[0].dropped == []
    assert report.topics[0].frames_in == report.topics[0].frames_sent >= IMAGES


def test_digits_as_jpeg(fleet: Fleet, probe: Probe) -> None:
    import cv2

    offline = Offline(DIGITS)
    chosen = digits("test").sample(50, seed=6)
    large = [cv2.resize(image, (160, 120)) for image in chosen.images]
    fleet.start("encoder", "/jpeg", model=DIGITS, image_transport="compressed")
    robot = Robot(probe, "/jpeg", compressed=True)
    stamps = show_all(robot, np.stack(large))

    seen = [
        cv2.cvtColor(
            cv2.imdecode(np.array(as_compressed(image).data), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
        )
        for image in large
    ]
    compare(robot, offline, np.stack(seen), stamps)
    classes = digits("test").classes
    truth = [classes[label] for label in chosen.labels]
    right = [m.labels[0] == name for m, name in zip(robot.labels, truth, strict=True)]
    assert sum(right) >= 47


def test_frames_that_share_a_message_keep_their_stamps(fleet: Fleet, probe: Probe) -> None:
    offline = Offline(DIGITS)
    ladder = offline.encoder.codec.ladder
    chosen = digits("test").sample(80, seed=7)
    fps, overhead = 20.0, latent_message_bits("camera", 0)
    # Pays for every frame at the best accuracy when four of them share a message, and at none when
    # three do.
    best = next(point for point in ladder if point.accuracy == ladder[-1].accuracy)
    bitrate = 1.1 * fps * frame_bits(best, 4, overhead)
    assert bitrate < 0.95 * fps * frame_bits(ladder[0], 3, overhead)
    fleet.start(
        "encoder",
        "/shared",
        model=DIGITS,
        bitrate=bitrate,
        frames_per_message=4,
        max_delay=1.0,
    )
    robot = Robot(probe, "/shared")
    robot.warm_up(chosen.images[0])
    before = robot.report(lambda status: bool(status.topics)).topics[0]
    robot.latents.clear()
    robot.labels.clear()
    rng = np.random.default_rng(8)
    stamps = (START + np.cumsum(rng.integers(1, 2 * PERIOD, len(chosen)))).tolist()
    due = time.monotonic()
    for stamp, image in zip(stamps, chosen.images, strict=True):
        while time.monotonic() < due:
            probe.serve()
        due += 1 / fps
        robot.show(image, stamp)

    def settled() -> bool:
        topic = robot.reports[-1].topics[0]
        dropped = sum(d.count for d in topic.dropped) - sum(d.count for d in before.dropped)
        return (
            topic.frames_in - before.frames_in == len(stamps)
            and topic.frames_sent - before.frames_sent + dropped == len(stamps)
            and len(robot.labels) + dropped == len(stamps)
        )

    probe.until(settled, lambda: f"{len(robot.labels)} labels; {robot.reports[-1]}")
    labelled = [stamp_of(label) for label in robot.labels]
    assert labelled == sorted(set(labelled))
    assert set(labelled) <= set(stamps)
    shared = [list(split(message.data.tobytes())) for message in robot.latents]
    assert max(len(packets) for packets in shared) == 4
    found = [
        stamp_of(message) + packet.offset
        for message, packets in zip(robot.latents, shared, strict=True)
        for packet in packets
    ]
    assert found == labelled
    images = dict(zip(stamps, chosen.images, strict=True))
    for label in robot.labels:
        packet = offline.packet(images[stamp_of(label)], label.operating_point)
        assert label.payload_bits == 8 * (len(packet) - 6)
        index = offline.scores(packet).argmax()
        assert label.labels[0] == offline.classifier.classes[index]
