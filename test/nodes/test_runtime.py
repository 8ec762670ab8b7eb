"""What running nodes do about changes, wrong input and each other, and what they report of it."""

from array import array
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from harness import DIGITS, Fleet, NodeProcess, Probe, Robot, stamp_of
from jcc_ros.msg import Classification, EncoderStatus, Latent, TopicStatus

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import MAX_PACKETS, Packet, split
from jcc_ros.codec.rate import best_plan
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder, save_encoder
from jcc_ros.nodes.images import rgb8_image

ENCODER = "/robot/encoder"
SCARCE = 100.0  # bit/s, a frame in a quarter of a minute


@pytest.fixture(scope="module")
def model() -> EncoderModel:
    """Digits, whose finer points promise a little more each.

    As calibration measured them, a scarce and an ample bit rate might choose the same point.
    """
    robot = load_encoder(DIGITS)
    ladder = robot.codec.ladder
    points = [replace(point, accuracy=0.99 + 1e-4 * i) for i, point in enumerate(ladder)]
    return replace(robot, codec=LatentCodec(Ladder(ladder.shape, points)))


@pytest.fixture(scope="module")
def classifier(fleet: Fleet) -> NodeProcess:
    """The host of all robots of this module but those whose name says otherwise."""
    return fleet.start(
        "classifier", "/host", models=[str(DIGITS)], latent_topics=["/robot*/latent"]
    )


@pytest.fixture(scope="module")
def encoder(
    fleet: Fleet, model: EncoderModel, tmp_path_factory: pytest.TempPathFactory
) -> NodeProcess:
    folder = tmp_path_factory.mktemp("rising")
    save_encoder(model, folder)
    return fleet.start("encoder", "/robot", model=folder)


@pytest.fixture(scope="module")
def running(classifier: NodeProcess, encoder: NodeProcess, probe: Probe, few: np.ndarray) -> Robot:
    robot = Robot(probe, "/robot")
    robot.warm_up(few[0])
    return robot


@pytest.fixture
def robot(running: Robot, probe: Probe) -> Robot:
    """A robot without any limit, that has shown nothing yet as far as the test can see."""
    answer = probe.set(ENCODER, bitrate=0.0, max_fps=0.0, frames_per_message=1, max_delay=0.5)
    assert answer.successful, answer.reason
    running.labels.clear()
    running.latents.clear()
    return running


STAMP = iter(range(10**12, 2 * 10**12, 40_000_000))


def dropped(topic: TopicStatus) -> dict[str, int]:
    return {drop.reason: drop.count for drop in topic.dropped}


def adds_up(status: EncoderStatus) -> bool:
    return all(t.frames_in == t.frames_sent + sum(dropped(t).values()) for t in status.topics)


def settled(robot: Robot, frames_in: int) -> TopicStatus:
    """Wait until the encoder has counted so many frames, and what became of each."""
    status = robot.report(lambda s: s.topics[0].frames_in >= frames_in and adds_up(s))
    assert status.topics[0].frames_in == frames_in
    return status.topics[0]


def now(robot: Robot) -> TopicStatus:
    return robot.report(adds_up).topics[0]


def show_one_by_one(robot: Robot, image: np.ndarray, count: int) -> list[int]:
    """Publish frames, each when the status has counted the one before; return their stamps."""
    stamps = []
    seen = now(robot).frames_in
    for _ in range(count):
        stamps.append(next(STAMP))
        robot.show(image, stamps[-1])
        seen += 1
        settled(robot, seen)
    return stamps


def test_a_new_bitrate_takes_effect_on_the_next_frame(
    robot: Robot, probe: Probe, few: np.ndarray, model: EncoderModel
) -> None:
    ladder, overhead = model.codec.ladder, latent_message_bits("camera", 0)
    before = now(robot)
    plenty = robot.label(few[0], next(STAMP))
    best = max(point.accuracy for point in ladder)
    assert ladder[plenty.operating_point].accuracy == best

    assert probe.set(ENCODER, bitrate=SCARCE).successful
    scarce = robot.label(few[0], next(STAMP))
    # Where bits are scarce the plan does not depend on how many frames come.
    plan = best_plan(ladder, SCARCE, 10.0, overhead, Budget(SCARCE))
    assert scarce.operating_point == plan.point != plenty.operating_point
    latent = probe.until(lambda: robot.latent(stamp_of(scarce)), "the latent of the label")
    (packet,) = split(latent.data.tobytes())
    assert packet.point == plan.point
    show_one_by_one(robot, few[0], 2)

    assert probe.set(ENCODER, bitrate=0.0).successful
    again = robot.label(few[0], next(STAMP))
    assert again.operating_point == plenty.operating_point
    after = settled(robot, before.frames_in + 5)
    assert after.frames_sent - before.frames_sent == 3
    assert dropped(after).get("rate", 0) - dropped(before).get("rate", 0) == 2


def test_max_fps_takes_effect_on_the_next_frame(
    robot: Robot, probe: Probe, few: np.ndarray
) -> None:
    before = now(robot)
    robot.label(few[0], next(STAMP))
    assert probe.set(ENCODER, max_fps=0.001).successful
    refused = show_one_by_one(robot, few[0], 2)
    assert probe.set(ENCODER, max_fps=0).successful
    robot.label(few[0], next(STAMP))
    after = settled(robot, before.frames_in + 4)
    assert dropped(after).get("max_fps", 0) - dropped(before).get("max_fps", 0) == 2
    assert not any(robot.labelled(stamp) for stamp in refused)


@pytest.mark.parametrize("change", [{"max_delay": 0.1}, {"frames_per_message": 1}])
def test_a_frame_that_waits_heeds_what_changes(
    robot: Robot, probe: Probe, few: np.ndarray, change: dict[str, float]
) -> None:
    ample = robot.label(few[0], next(STAMP)).operating_point
    assert probe.set(ENCODER, bitrate=SCARCE, frames_per_message=32, max_delay=30.0).successful
    stamp = next(STAMP)
    robot.show(few[0], stamp)
    robot.report(lambda status: status.topics[0].operating_point != ample)
    assert not robot.latent(stamp)
    assert probe.set(ENCODER, **change).successful
    probe.until(lambda: robot.latent(stamp), "the latent that waited", limit=10.0)


def test_images_that_cannot_be_read_are_counted_and_logged_once(
    robot: Robot, encoder: NodeProcess, few: np.ndarray
) -> None:
    before = now(robot)
    seen, known = before.frames_in, len(robot.reports)
    for change in ({"encoding": "nv24"}, {"encoding": "32FC1"}, {"step": 1}, {"height": 0}):
        message = rgb8_image(few[0])
        for field, value in change.items():
            setattr(message, field, value)
        robot.publish(message, next(STAMP), "camera")
        seen += 1
        settled(robot, seen)
    robot.label(few[1], next(STAMP))
    after = settled(robot, seen + 1)
    assert dropped(after)["unusable_image"] - dropped(before).get("unusable_image", 0) == 4
    lines = [line for line in encoder.output().splitlines() if "frames are dropped" in line]
    assert len(lines) == 1
    assert "nv24" in lines[0]
    assert "image_raw" in lines[0]
    limits = [status.limit for status in robot.reports[known:]]
    assert "images on /robot/image_raw cannot be encoded" in limits
    assert limits[-1] == ""


def test_status_carries_what_the_message_promises(
    robot: Robot, probe: Probe, few: np.ndarray, model: EncoderModel
) -> None:
    label = robot.label(few[2], next(STAMP))
    status = robot.report(adds_up)
    ladder = model.codec.ladder
    assert (status.model, status.model_id) == (model.name, model.codec.model_id)
    assert (status.bitrate_target, status.limit) == (0.0, "")
    (topic,) = status.topics
    assert topic.topic == "/robot/image_raw"
    assert topic.operating_point == label.operating_point
    assert topic.expected_accuracy == pytest.approx(ladder[label.operating_point].accuracy)
    assert 0 < topic.payload_bits < 2000
    assert 0 < topic.encode_time < 1
    assert 0 < topic.fps_sent <= topic.fps_in
    assert status.bitrate_wire == topic.bitrate_wire > 0
    stamp = stamp_of(status) / 1e9
    assert abs(probe.get_clock().now().nanoseconds / 1e9 - stamp) < 5


def test_labels_carry_what_the_message_promises(
    robot: Robot, probe: Probe, few: np.ndarray, model: EncoderModel
) -> None:
    label = robot.label(few[3], next(STAMP), "left eye")
    assert (label.model, label.model_id) == (model.name, model.codec.model_id)
    assert label.header.frame_id == "left eye"
    assert len(label.labels) == len(set(label.labels)) == 3
    assert list(label.scores) == sorted(label.scores, reverse=True)
    assert 0.99 < sum(label.scores) + 0.05 <= 1.06
    received, classified = map(nanoseconds, (label.received, label.classified))
    assert received <= classified <= probe.get_clock().now().nanoseconds


def test_diagnostics_say_the_same_and_warn_about_a_target_that_is_too_low(
    robot: Robot, probe: Probe, few: np.ndarray
) -> None:
    entries = probe.diagnostics(ENCODER)
    robot.label(few[0], next(STAMP))
    topic = now(robot)

    def values(entry: DiagnosticStatus) -> dict[str, str]:
        return {value.key: value.value for value in entry.values}

    def agrees() -> DiagnosticStatus | None:
        wanted = str(topic.frames_in)
        return next((e for e in entries if values(e)["frames_in /robot/image_raw"] == wanted), None)

    entry = probe.until(agrees, "diagnostics")
    assert entry.level == DiagnosticStatus.OK
    found = values(entry)
    assert found["frames_sent /robot/image_raw"] == str(topic.frames_sent)
    for reason, count in dropped(topic).items():
        assert found[f"dropped {reason} /robot/image_raw"] == str(count)

    assert probe.set(ENCODER, bitrate=SCARCE).successful
    robot.show(few[0], next(STAMP))
    warning = probe.until(
        lambda: next((e for e in entries if e.level == DiagnosticStatus.WARN), None), "a warning"
    )
    assert "frames are dropped" in warning.message
    assert robot.reports[-1].limit == warning.message


def test_frames_that_nobody_wants_are_counted(fleet: Fleet, probe: Probe, few: np.ndarray) -> None:
    fleet.start("encoder", "/alone", model=DIGITS)
    robot = Robot(probe, "/alone", latents=False)
    robot.await_encoder()
    probe.until(lambda: robot.reports, "status")
    show_one_by_one(robot, few[0], 3)
    topic = now(robot)
    assert (topic.frames_in, topic.frames_sent) == (3, 0)
    assert dropped(topic) == {"no_subscriber": 3}
    assert robot.reports[-1].limit == "nobody subscribes to /alone/image_raw/latent"


def test_a_robot_that_appears_later_is_found(
    fleet: Fleet, probe: Probe, classifier: NodeProcess, running: Robot, few: np.ndarray
) -> None:
    fleet.start("encoder", "/robot_two", model=DIGITS, image_topics=["left/image", "right/image"])
    left, right = (Robot(probe, "/robot_two", f"{side}/image") for side in ("left", "right"))
    left.warm_up(few[0])
    right.warm_up(few[1])
    classifier.logged("/robot_two/left/image/latent -> /robot_two/left/image/labels")


class ByHand:
    """A robot whose latent messages the test writes itself."""

    def __init__(self, probe: Probe, model: EncoderModel, image: np.ndarray, topic: str) -> None:
        self.probe, self.codec = probe, model.codec
        self.latent = model.latent(image)
        self.topic = f"{topic}/latent"
        self.latents = probe.create_publisher(Latent, self.topic, 100)
        self.labels: list[Classification] = probe.record(Classification, f"{topic}/labels")
        self._entries = probe.diagnostics("/host/classifier")
        probe.until(self.latents.get_subscription_count, "the classifier's subscription")
        probe.until(lambda: probe.count_publishers(f"{topic}/labels"), "labels")

    def packet(self, offset: int = 0) -> bytes:
        return self.codec.encode(self.latent, 0, offset).to_bytes()

    def send(self, data: bytes, stamp: Time) -> None:
        message = Latent(data=array("B", data))
        message.header.stamp = stamp
        self.latents.publish(message)

    def counted(self, what: str, least: int) -> int:
        """Wait until the classifier's diagnostics count at least so much, and return the count."""

        def count() -> int:
            for entry in reversed(self._entries):
                for value in entry.values:
                    if value.key == f"{what} {self.topic}":
                        return int(value.value)
            return 0

        self.probe.until(lambda: count() >= least, lambda: f"{what}: {count()} of {least}")
        return count()


@pytest.fixture(scope="module")
def by_hand(probe: Probe, classifier: NodeProcess, model: EncoderModel, few: np.ndarray) -> ByHand:
    return ByHand(probe, model, few[0], "/robot_by_hand/image_raw")


def flip(packet: bytes) -> bytes:
    return packet[:6] + bytes([packet[6] ^ 4]) + packet[7:]


def test_packets_that_cannot_be_read_are_counted_logged_once_and_never_labelled(
    by_hand: ByHand, classifier: NodeProcess
) -> None:
    good = by_hand.packet()
    other = f"{(int(by_hand.codec.model_id[:3], 16) ^ 1):03x}" + by_hand.codec.model_id[3:]
    unknown = Packet.seal(other, 0, b"payload").to_bytes()
    beyond = Packet.seal(by_hand.codec.model_id, 31, b"payload").to_bytes()
    invalid = [b"", b"\x00", flip(good), good[:-1], beyond]
    other_version = [b"garbage", bytes(100), b"\xff" * 3000]
    for second, data in enumerate((*invalid, *other_version, unknown, unknown)):
        by_hand.send(data, Time(sec=second))
        if second % 4 == 3:  # the classifier's queue holds five
            by_hand.counted("messages", second + 1)
    assert by_hand.counted("dropped invalid_packet", len(invalid)) == len(invalid)
    assert by_hand.counted("dropped unknown_version", len(other_version)) == len(other_version)
    assert by_hand.counted("dropped unknown_model", 2) == 2

    by_hand.send(good, Time(sec=100))
    by_hand.probe.until(lambda: by_hand.labels, "a label after all of that")
    assert [label.header.stamp.sec for label in by_hand.labels] == [100]
    lines = [
        line
        for line in classifier.output().splitlines()
        if "packets are dropped" in line and by_hand.topic in line
    ]
    assert len(lines) == 3
    assert any(f"unknown model {other[:3]}" in line for line in lines)
    assert any("packet version 3, this decoder reads 1" in line for line in lines)
    by_hand.labels.clear()


def test_a_warning_about_packets_lasts_no_longer_than_they_come(by_hand: ByHand) -> None:
    entries = by_hand.probe.diagnostics("/host/classifier")

    def level(wanted: bytes) -> None:
        known = len(entries)
        by_hand.probe.until(lambda: any(e.level == wanted for e in entries[known:]), f"{wanted!r}")

    by_hand.send(flip(by_hand.packet()), Time(sec=150))
    level(DiagnosticStatus.WARN)
    level(DiagnosticStatus.OK)


def test_small_batches_take_topics_in_turn(
    probe: Probe, classifier: NodeProcess, model: EncoderModel, few: np.ndarray
) -> None:
    assert probe.set("/host/classifier", max_batch=1).successful
    names = ("flood", "another_flood", "quiet")
    *floods, quiet = (ByHand(probe, model, few[0], f"/robot_{name}/image_raw") for name in names)
    full = b"".join(quiet.packet(1000 * frame) for frame in range(MAX_PACKETS))
    for second in range(4):
        for flood in floods:
            flood.send(full, Time(sec=second))
    quiet.send(quiet.packet(), Time(sec=1))
    probe.until(lambda: quiet.labels, "a label of the topic with one frame")
    assert sum(len(flood.labels) for flood in floods) < 2 * 4 * MAX_PACKETS - 8
    assert probe.set("/host/classifier", max_batch=64).successful


@pytest.mark.parametrize("count", [5, 1, 3])
def test_labels_are_as_many_as_asked_from_the_next_frame_on(
    by_hand: ByHand, probe: Probe, count: int
) -> None:
    assert probe.set("/host/classifier", top_k=count).successful
    by_hand.send(by_hand.packet(), Time(sec=160))
    probe.until(lambda: by_hand.labels, "a label")
    assert len(by_hand.labels[0].labels) == count
    by_hand.labels.clear()


def test_a_corrupt_packet_costs_only_what_comes_after_it(by_hand: ByHand) -> None:
    messages = by_hand.counted("messages", 1)
    first, later = by_hand.packet(), by_hand.packet(offset=1_000)
    truncated = first + later + by_hand.packet(offset=2_000)[:-1]
    in_the_middle = first + flip(by_hand.packet(offset=500)) + later
    by_hand.send(truncated, Time(sec=200))
    by_hand.send(in_the_middle, Time(sec=300))
    by_hand.probe.until(lambda: len(by_hand.labels) >= 4, "4 labels")
    by_hand.counted("messages", messages + 2)
    stamps = [stamp_of(label) for label in by_hand.labels]
    assert stamps == [200 * 10**9, 200 * 10**9 + 1_000, 300 * 10**9, 300 * 10**9 + 1_000]
    by_hand.labels.clear()


LAST = 2**31 - 1  # s


@pytest.mark.parametrize(
    "make",
    [
        lambda: Time(sec=LAST, nanosec=999_999_999),
        lambda: Time(sec=-(2**31)),
        lambda: Time(sec=-1, nanosec=5),
        lambda: Time(sec=LAST, nanosec=2**32 - 1),
    ],
    ids=["last", "first", "negative", "overflowing"],
)
def test_strange_stamps_end_nothing(by_hand: ByHand, make: Callable[[], Time]) -> None:
    by_hand.send(by_hand.packet() + by_hand.packet(offset=2_000_000_000), make())
    by_hand.send(by_hand.packet(), Time(sec=400))
    by_hand.probe.until(
        lambda: any(label.header.stamp.sec == 400 for label in by_hand.labels), "the next label"
    )
    by_hand.labels.clear()


def test_images_with_strange_stamps_end_nothing(robot: Robot, few: np.ndarray) -> None:
    message = rgb8_image(few[0])
    message.header.stamp = Time(sec=LAST, nanosec=2**32 - 1)
    seen = now(robot).frames_in
    robot.images.publish(message)
    settled(robot, seen + 1)
    robot.label(few[1], next(STAMP))
