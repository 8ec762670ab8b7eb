"""The camera node: plays a folder of images, or a video, as a camera would, for demos and tests.

folder CLASS/IMAGE --letterbox--> image_raw, and image_raw/truth with the class of each frame
"""

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.datasets.files import SUFFIXES, read_image
from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.lossy import encode
from jcc_ros.msg import Classification
from jcc_ros.nodes.images import rgb8_image
from jcc_ros.nodes.parameters import Page, Parameters, read_only
from jcc_ros.nodes.qos import TRUTH_QOS, overridable
from jcc_ros.nodes.run import end, run

_QUALITY = 90  # of JPEG
_GRACE = 2.0  # s for the last reliable messages to arrive


class CameraPage(Page):
    """Parameters of the camera node."""

    source: str = read_only(
        "", description="Folder of images (CLASS/IMAGE or flat), or video file, to play."
    )
    width: int = read_only(
        640,
        ge=1,
        le=8192,
        description="Width of the frames, in pixels; black bars fill what an image leaves free.",
    )
    height: int = read_only(480, ge=1, le=8192, description="Height of the frames, in pixels.")
    image_transport: Literal["raw", "compressed"] = read_only(
        "raw",
        description="Type of the messages: raw (sensor_msgs/Image, rgb8) or compressed "
        "(sensor_msgs/CompressedImage, JPEG).",
    )
    frame_id: str = read_only("camera", description="Frame id in the message headers.")
    fps: float = read_only(10.0, gt=0, le=1000, description="Frames published per second.")
    frames: int = read_only(
        0, ge=0, description="Number of frames to play before the node exits; 0: play for ever."
    )
    subscribers: int = read_only(
        1,
        ge=0,
        description="Number of subscribers that the first frame waits for; 0: do not wait.",
    )


class Camera(Node):
    """Publishes a frame a period."""

    def __init__(self) -> None:
        super().__init__("camera")
        self._page = Parameters(self, CameraPage).current
        self._frames = _frames(Path(self._page.source).expanduser(), self._leave_out)
        compressed = self._page.image_transport == "compressed"
        self._images = self.create_publisher(
            CompressedImage if compressed else Image,
            "image_raw/compressed" if compressed else "image_raw",
            **overridable(qos_profile_sensor_data),
        )
        self._truth = self.create_publisher(Classification, "image_raw/truth", TRUTH_QOS)
        self._published = 0
        self._left_out: set[str] = set()
        self._timer = self.create_timer(1 / self._page.fps, self._play)

    def close(self) -> None:
        """Log the final count."""
        self.get_logger().info(f"{self._published} frames published")

    def _leave_out(self, problem: str) -> None:
        if problem not in self._left_out:
            self._left_out.add(problem)
            self.get_logger().warning(f"left out: {problem}")

    def _play(self) -> None:
        page = self._page
        if page.frames and self._published == page.frames:
            self._timer.cancel()
            self._hand_over_truth()
            return end()
        if not self._published and self._images.get_subscription_count() < page.subscribers:
            return
        image, label = next(self._frames)
        frame = _letterbox(image, page.height, page.width)
        truth = Classification(labels=[label] if label else [], scores=[1.0] if label else [])
        truth.header.stamp = self.get_clock().now().to_msg()
        truth.header.frame_id = page.frame_id
        message = (_compressed if page.image_transport == "compressed" else rgb8_image)(frame)
        message.header = truth.header
        self._images.publish(message)
        self._truth.publish(truth)
        self._published += 1

    def _hand_over_truth(self) -> None:
        """Wait a while for whoever is about to listen, and for what they have to receive."""
        deadline = time.monotonic() + _GRACE
        while not self._truth.get_subscription_count() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._truth.wait_for_all_acked(Duration(seconds=_GRACE))


def _frames(
    source: Path, unreadable: Callable[[str], None]
) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Yield (RGB image, class name or nothing) for ever.

    Args:
        unreadable: called with what is wrong with a file that is left out.
    Raises:
        ValueError: no image is found.
    """
    if source == Path():
        raise ValueError("source: give a folder of images or a video file to play")
    if source.is_dir():
        files = sorted(f for f in source.rglob("*") if f.suffix.lower() in SUFFIXES)
        if not files:
            raise ValueError(f"source: no images in {source}")
        # The classes take turns: the first frames already show them all.
        files.sort(key=lambda file: file.name)
        return _images(source, files, unreadable)
    if not source.is_file() or not cv2.VideoCapture(str(source)).isOpened():
        raise ValueError(f"source: {str(source)!r} is neither a folder of images nor a video")
    return _video(source)


def _images(
    source: Path, files: Sequence[Path], unreadable: Callable[[str], None]
) -> Iterator[tuple[NDArray[np.uint8], str]]:
    while True:
        readable = 0
        for file in files:
            try:
                image = read_image(file)
            except DataError as error:
                unreadable(str(error))
                continue
            readable += 1
            yield image, file.parent.name if file.parent != source else ""
        if not readable:
            raise ValueError(f"source: none of the images in {source} can be read")


def _video(source: Path) -> Iterator[tuple[NDArray[np.uint8], str]]:
    while True:
        video = cv2.VideoCapture(str(source))
        found, image = video.read()
        if not found:
            raise ValueError(f"source: no frames in {source}")
        while found:
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB), ""
            found, image = video.read()


def _letterbox(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale an image to fit a frame, keeping its aspect ratio, with black bars around it."""
    scale = min(height / image.shape[0], width / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    frame[top : top + size[1], left : left + size[0]] = cv2.resize(
        image, size, interpolation=method
    )
    return frame


def _compressed(frame: NDArray[np.uint8]) -> CompressedImage:
    data = array("B", encode("JPEG", frame, _QUALITY))
    return CompressedImage(format="rgb8; jpeg compressed bgr8", data=data)


def main() -> None:
    """Run the camera node."""
    run(Camera)


if __name__ == "__main__":
    main()
