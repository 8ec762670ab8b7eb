"""Several cameras on one encoder: topics that come and go, weights, and what jcc top shows."""

import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from harness import DIGITS, Fleet, Probe, Robot
from jcc_ros.msg import Latent
from rclpy.qos import ReliabilityPolicy

NAMESPACE = "/several"
ENCODER = f"{NAMESPACE}/encoder"


@pytest.fixture(scope="module")
def front(fleet: Fleet, probe: Probe, few: np.ndarray) -> Robot:
    """The camera that the encoder starts with."""
    fleet.start("encoder", NAMESPACE, model=DIGITS, image_topics=["front"])
    fleet.start("classifier", models=[str(DIGITS)])
    robot = Robot(probe, NAMESPACE, "front")
    robot.warm_up(few[0])
    return robot


def test_a_topic_starts_and_stops_at_run_time(front: Robot, probe: Probe, few: np.ndarray) -> None:
    rear = Robot(probe, NAMESPACE, "rear")
    assert probe.set(ENCODER, image_topics=["front", "rear"]).successful
    shown = rear.warm_up(few[1])
    report = rear.report(lambda s: len(s.topics) == 2 and s.topics[1].frames_sent > 0)
    assert [topic.topic for topic in report.topics] == [f"{NAMESPACE}/front", f"{NAMESPACE}/rear"]
    assert report.topics[1].frames_in <= shown

    assert probe.set(ENCODER, image_topics=["front"]).successful
    probe.until(lambda: not rear.images.get_subscription_count(), "the end of the subscription")
    assert front.label(few[2], 5 * 10**9)
    assert [t.topic for t in front.report(lambda s: True).topics] == [f"{NAMESPACE}/front"]


def test_every_frame_of_a_topic_that_goes_is_accounted_for(
    fleet: Fleet, probe: Probe, few: np.ndarray
) -> None:
    """Images come faster than they are encoded: one is always at work and one waits."""
    encoder = fleet.start("encoder", "/leaving", model=DIGITS, image_topics=["stays", "goes"])
    robot = Robot(probe, "/leaving", "goes")
    removals, over = 0, threading.Event()

    def flood() -> None:
        stamp = 0
        while not over.is_set():
            stamp += 1
            robot.show(few[stamp % 20], stamp)
            time.sleep(0.0005)

    camera = threading.Thread(target=flood)
    camera.start()
    try:
        # On a busy machine images may come no faster than they are encoded for a while.
        while removals < 10 or (removals < 60 and "topic_removed" not in encoder.output()):
            removals += 1
            robot.report(lambda s: len(s.topics) == 2 and s.topics[1].frames_sent > 0)
            assert probe.set("/leaving/encoder", image_topics=["stays"]).successful
            assert probe.set("/leaving/encoder", image_topics=["stays", "goes"]).successful
    finally:
        over.set()
        camera.join()
    encoder.stop()
    assert encoder.wait() == 0
    ends = re.findall(r"/goes: (\d+) frames in, (\d+) sent, dropped: (.*)", encoder.output())
    assert len(ends) == removals + 1
    for arrived, sent, dropped in ends:
        assert int(arrived) == int(sent) + sum(int(count) for count in re.findall(r"\d+", dropped))
    assert any("topic_removed" in dropped for _, _, dropped in ends)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("image_topics", ["front", "not a name"], "image_topics"),
        ("image_topics", ["front", ""], "image_topics"),
        ("image_topics", ["front//left"], "repeated '/'"),
        ("image_topics", ["front*"], "image_topics"),
        ("image_topics", ["{side}/front"], "unknown substitution"),
        ("image_topics", ["~front"], "image_topics"),
        ("image_topics", ["x" * 250], "length"),
        ("image_topics", ["x" * 230], "length"),  # with what comes before and behind it
        ("image_topics", ["front", f"{NAMESPACE}/front"], "same topic"),
        ("image_topics", ["front", "front"], "same topic"),
        ("weights", [1.0, 2.0], "2 given for 1 image topics"),
        ("weights", [0.0], "above 0"),
        ("weights", [-1.0], "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    front: Robot, probe: Probe, few: np.ndarray, name: str, value: list, reason: str
) -> None:
    before = probe.get(ENCODER, name)
    answer = probe.set(ENCODER, **{name: value})
    assert not answer.successful
    assert reason in answer.reason
    assert probe.get(ENCODER, name) == before


def test_quality_of_service_is_overridden_for_one_topic_alone(fleet: Fleet, probe: Probe) -> None:
    override = {"qos_overrides./odd/front.subscription.reliability": "reliable"}
    fleet.start("encoder", "/odd", model=DIGITS, image_topics=["front", "rear"], **override)

    def reliable(topic: str) -> list[bool]:
        ends = probe.get_subscriptions_info_by_topic(f"/odd/{topic}")
        return [end.qos_profile.reliability == ReliabilityPolicy.RELIABLE for end in ends]

    topics = ("front", "rear", "front/link", "rear/link")
    probe.until(lambda: all(map(reliable, topics)), "four subscriptions")
    assert [reliable(topic) for topic in topics] == [[True], [False], [False], [False]]


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_what_belongs_to_a_remapped_camera_stays_beside_it(
    fleet: Fleet, probe: Probe, few: np.ndarray, transport: str
) -> None:
    topic = f"there/{transport}"
    remap = f"image_raw:=/moved/{topic}"
    encoder = fleet.start("encoder", "/moved", remap, model=DIGITS, image_transport=transport)
    camera = Robot(probe, "/moved", topic, compressed=transport == "compressed")
    camera.warm_up(few[0])
    report = camera.report(lambda status: bool(status.topics and status.topics[0].frames_sent))
    assert [camera.topic for camera in report.topics] == [f"/moved/{topic}"]
    assert camera.latents
    encoder.stop()
    encoder.wait()


def test_cameras_whose_names_are_swapped_keep_their_latents(
    fleet: Fleet, probe: Probe, few: np.ndarray
) -> None:
    remaps = ("left:=/swapped/right", "right:=/swapped/left")
    fleet.start("encoder", "/swapped", *remaps, model=DIGITS, image_topics=["left", "right"])
    left = Robot(probe, "/swapped", "left")
    left.warm_up(few[0])
    frames = {t.topic: t.frames_in for t in left.report(lambda s: len(s.topics) == 2).topics}
    assert frames["/swapped/left"] > 0
    assert frames["/swapped/right"] == 0


def test_a_topic_whose_labels_can_have_no_name_ends_nothing(fleet: Fleet, probe: Probe) -> None:
    """Whoever is on the network may choose the names of topics."""
    classifier = fleet.start("classifier", "/long", models=[str(DIGITS)], latent_topics=["/long/*"])
    fine, long = (probe.create_publisher(Latent, f"/long/{n}", 1) for n in ("x", "x" * 238))
    classifier.logged("a topic is left out, .* length")
    probe.until(fine.get_subscription_count, "the classifier's subscription")
    assert not long.get_subscription_count()
    assert classifier.running()


def test_a_camera_that_sends_nothing_is_named(fleet: Fleet, probe: Probe, few: np.ndarray) -> None:
    fleet.start("encoder", "/dead", model=DIGITS, image_topics=["alive", "silent"])
    robot = Robot(probe, "/dead", "alive")
    robot.warm_up(few[0])

    def named() -> bool:
        robot.show(few[1], len(robot.reports) * 10**9)
        return bool(robot.reports) and robot.reports[-1].limit.startswith("no images")

    probe.until(named, "a report of the camera that sends nothing")
    assert robot.reports[-1].limit == "no images on /dead/silent"


def test_weights_share_the_bit_rate(fleet: Fleet, probe: Probe, few: np.ndarray) -> None:
    fleet.start(
        "encoder",
        "/weighed",
        model=DIGITS,
        image_topics=["heavy", "light"],
        weights=[3.0, 1.0],
        bitrate=20000.0,
    )
    cameras = [Robot(probe, "/weighed", name) for name in ("heavy", "light")]
    for camera in cameras:
        camera.await_encoder()
    stamp = 0

    def play() -> bool:
        nonlocal stamp
        stamp += 1
        for camera in cameras:
            camera.show(few[stamp % 20], stamp)
            # The other camera's frame is on its way meanwhile: both come some 20 times a second.
            probe.serve()
        sent = [topic.frames_sent for topic in cameras[0].reports[-1].topics] or [0]
        return cameras[0].reports and min(sent) >= 20

    probe.until(lambda: cameras[0].reports, "a first status")
    probe.until(play, "20 frames of each topic")
    heavy, light = cameras[0].reports[-1].topics
    assert heavy.frames_sent / light.frames_sent == pytest.approx(3, rel=0.25)
    assert {drop.reason for drop in light.dropped} >= {"rate"}


def test_top_shows_every_camera(front: Robot, probe: Probe, few: np.ndarray) -> None:
    command = [sys.executable, "-m", "jcc_ros.commands.cli", "top", "--once"]
    top = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=None)
    stamp = 10**10
    while top.poll() is None:
        stamp += 1
        front.show(few[stamp % 20], stamp)
        probe.serve()
    shown = top.stdout.read()
    assert top.returncode == 0
    assert f"{NAMESPACE}/front" in shown.replace("\n", "")
    assert "digits" in shown
