"""From ROS image messages to RGB pixels, on the robot's topics and out of bags.

The pixels are read in place with the row length that the message declares, and converted by
OpenCV. cv_bridge is not used: the build on the Python package index ignores padding at the end of
rows and returns wrong pixels without an error.
"""

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from jcc_ros.datasets.images import Resize

# encoding: bytes of a pixel, OpenCV's conversion to RGB
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}
_MAX_PIXELS = 1 << 26
_MAX_COMPRESSED = 1 << 26  # bytes


class Image(Protocol):
    """What is read of a sensor_msgs/Image, rclpy's as well as rosbags'."""

    height: int
    width: int
    encoding: str
    step: int
    data: bytes


class CompressedImage(Protocol):
    """What is read of a sensor_msgs/CompressedImage, rclpy's as well as rosbags'."""

    format: str
    data: bytes


class ImageError(ValueError):
    """An image that cannot be turned into RGB pixels; the message says why."""


def to_rgb(message: Image, resize: Resize) -> NDArray[np.uint8]:
    """Return a resized image as RGB uint8 [H, W, 3].

    Colours are converted after resizing, on fewer pixels: both are linear, so the result is the
    same.

    Raises:
        ImageError: an encoding that is not supported, or sizes that contradict the data.
    """
    if message.encoding not in _ENCODINGS:
        known = ", ".join(_ENCODINGS)
        raise ImageError(f"encoding {message.encoding!r} is not supported, use one of {known}")
    channels, conversion = _ENCODINGS[message.encoding]
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0 or height * width > _MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels")
    row = width * channels
    if step < row:
        raise ImageError(f"step {step}, {width} pixels of {message.encoding} need {row}")
    if len(message.data) != step * height:
        raise ImageError(f"{len(message.data)} bytes, {height} rows of {step} need {step * height}")
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    pixels = rows[:, :row].reshape(height, width, channels)
    resized = resize(pixels)
    return resized if conversion is None else cv2.cvtColor(resized, conversion)


def compressed_to_rgb(message: CompressedImage, resize: Resize) -> NDArray[np.uint8]:
    """Return a resized JPEG, PNG or WebP image as RGB uint8 [H, W, 3].

    Raises:
        ImageError: data that is no image of a sensible size.
    """
    if not 0 < len(message.data) <= _MAX_COMPRESSED:
        raise ImageError(f"{len(message.data)} bytes of compressed data")
    try:
        image = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # OpenCV's own limits on size
        raise ImageError(f"compressed data ({message.format!r}): {error.err}") from error
    if image is None:
        raise ImageError(f"compressed data ({message.format!r}) is no readable image")
    return cv2.cvtColor(resize(image), cv2.COLOR_BGR2RGB)
