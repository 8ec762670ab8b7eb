"""The camera node: what it plays, how much of it, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from harness import Fleet, Probe, stamp_of
from jcc_ros.msg import Classification
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.datasets.ros_images import compressed_to_rgb, to_rgb

LATE = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of each colour, 40 x 20."""
    for name, colour in COLOURS.items():
        (tmp_path / name).mkdir()
        for index in range(2):
            image = np.full((20, 40, 3), colour[::-1], np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), image)
    return tmp_path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Five frames, brighter and brighter."""
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for index in range(5):
        writer.write(np.full((48, 64, 3), 50 * index, np.uint8))
    writer.release()
    return file


def test_a_folder_shows_its_classes_in_turn(fleet: Fleet, probe: Probe, folder: Path) -> None:
    images = probe.record(Image, "/folder/image_raw", qos_profile_sensor_data)
    truths = probe.record(Classification, "/folder/image_raw/truth", LATE)
    camera = fleet.start(
        "camera",
        "/folder",
        source=folder,
        width=64,
        height=48,
        frames=15,
        fps=30.0,
        frame_id="left_eye",
    )
    probe.until(lambda: len(truths) == 15 and not camera.running(), "15 frames and the end")
    assert camera.wait() == 0
    camera.logged("15 frames published")

    stamps = [stamp_of(truth) for truth in truths]
    assert stamps == sorted(set(stamps))
    # Six images, over and over; the first three already show all classes.
    names = [truth.labels[0] for truth in truths]
    assert set(names[:3]) == set(COLOURS)
    assert names[6:] == names[:-6]
    assert all(list(truth.scores) == [1.0] for truth in truths)

    truth_of = dict(zip(stamps, names, strict=True))
    assert images
    for message in images:
        assert (message.height, message.width, message.encoding) == (48, 64, "rgb8")
        assert message.header.frame_id == "left_eye"
        pixels = to_rgb(message, lambda image: image)
        # 40 x 20 fits 64 x 48 as 64 x 32, between black bars.
        assert not pixels[:8].any()
        assert not pixels[40:].any()
        colour = np.array(COLOURS[truth_of[stamp_of(message)]])
        np.testing.assert_array_equal(pixels[8:40], np.broadcast_to(colour, (32, 64, 3)))


def test_a_video_starts_again_at_its_end(fleet: Fleet, probe: Probe, video: Path) -> None:
    images = probe.record(CompressedImage, "/film/image_raw/compressed", qos_profile_sensor_data)
    truths = probe.record(Classification, "/film/image_raw/truth", LATE)
    camera = fleet.start(
        "camera",
        "/film",
        source=video,
        width=64,
        height=48,
        frames=12,
        fps=20.0,
        image_transport="compressed",
    )
    probe.until(lambda: len(truths) == 12 and not camera.running(), "12 frames and the end")
    assert camera.wait() == 0
    assert all(not truth.labels for truth in truths)
    order = {stamp_of(truth): index for index, truth in enumerate(truths)}
    assert images
    for message in images:
        brightness = compressed_to_rgb(message, lambda image: image).mean()
        assert brightness == pytest.approx(50 * (order[stamp_of(message)] % 5), abs=8)


def test_images_without_classes_have_no_labels(fleet: Fleet, probe: Probe, folder: Path) -> None:
    probe.record(Image, "/flat/image_raw", qos_profile_sensor_data)
    truths = probe.record(Classification, "/flat/image_raw/truth", LATE)
    camera = fleet.start("camera", "/flat", source=folder / "red", frames=3, fps=100.0)
    probe.until(lambda: len(truths) == 3, "3 frames")
    assert camera.wait() == 0
    assert [list(truth.labels) for truth in truths] == [[], [], []]


def test_what_cannot_be_read_is_named_once_and_left_out(fleet: Fleet, folder: Path) -> None:
    (folder / "red" / "0.png").write_bytes(b"no image")
    camera = fleet.start("camera", "/torn", source=folder, frames=12, fps=100.0, subscribers=0)
    assert camera.wait() == 0
    camera.logged("12 frames published")
    assert camera.output().count("left out: ") == 1
    camera.logged("left out: .*red/0.png")


def test_the_first_frame_can_wait_for_nobody(fleet: Fleet, folder: Path) -> None:
    camera = fleet.start("camera", "/lonely", source=folder, frames=3, fps=100.0, subscribers=0)
    assert camera.wait() == 0
    camera.logged("3 frames published")


def test_the_first_frame_waits_for_all_that_are_expected(
    fleet: Fleet, probe: Probe, folder: Path
) -> None:
    topic = "/awaited/image_raw"
    early = probe.record(Image, topic, qos_profile_sensor_data)
    settings = {"width": 64, "height": 48, "frames": 3, "fps": 100.0}
    camera = fleet.start("camera", "/awaited", source=folder, subscribers=2, **settings)
    probe.until(lambda: probe.count_publishers(topic), "the camera")
    late = probe.record(Image, topic, qos_profile_sensor_data)
    probe.until(lambda: len(early) == len(late) == 3, "3 frames for both")
    assert camera.wait() == 0


def nothing(tmp_path: Path) -> Path:
    return tmp_path / "nothing"


def empty_folder(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def text(tmp_path: Path) -> Path:
    (tmp_path / "words.mp4").write_text("no video")
    return tmp_path / "words.mp4"


def broken_image(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.png").write_bytes(b"no image")
    return tmp_path / "images"


def video_without_frames(tmp_path: Path) -> Path:
    file = tmp_path / "none.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    writer.release()
    return file


SOURCES = [nothing, empty_folder, text, broken_image, video_without_frames]


def test_refuses_what_it_cannot_play(fleet: Fleet, tmp_path: Path) -> None:
    def start(make: Callable[[Path], Path]) -> tuple:
        source = make(tmp_path)
        return fleet.start("camera", "/wrong", source=source, subscribers=0), source

    for camera, source in [start(make) for make in SOURCES]:
        assert camera.wait(20.0) == 1, camera.output()
        (line,) = (line for line in camera.output().splitlines() if "FATAL" in line)
        assert str(source) in line


def test_refuses_to_play_nothing(fleet: Fleet) -> None:
    camera = fleet.start("camera", "/wrong", subscribers=0)
    assert camera.wait() == 1
    camera.logged("FATAL.*source: give a folder")
