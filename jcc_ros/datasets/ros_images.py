"""From ROS image messages to RGB pixels, on the robot's topics and out of bags.

The pixels are read in place with the row length that the message declares, and converted by
OpenCV. cv_bridge is not used: the build on the Python package index ignores padding at the end of
rows and returns wrong pixels without an error.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from jcc_ros.datasets.compressed_size import declared_size
from jcc_ros.datasets.images import Resize


@dataclass(frozen=True)
class _Encoding:
    """How the samples of an encoding lie in memory, and how they become RGB.

    Attributes:
        channels: samples of a pixel.
        conversion: OpenCV's to RGB.
        depth: bytes of a sample.
        neighbours: a pixel's colour depends on its neighbours: converted before resizing. Without
            them colours are converted after it, on fewer pixels; both are linear, so the result
            is the same.
        even: width and height must be multiples of these.
        least: width and height from which OpenCV converts.
        planes: rows in memory for a row of the image, numerator and denominator.
    """

    channels: int
    conversion: int | None
    depth: int = 1
    neighbours: bool = False
    even: tuple[int, int] = (1, 1)
    least: int = 1
    planes: tuple[int, int] = (1, 1)


def _bayer(conversion: int, depth: int) -> _Encoding:
    return _Encoding(1, conversion, depth, neighbours=True, least=3)


def _yuv422(conversion: int) -> _Encoding:
    return _Encoding(2, conversion, neighbours=True, even=(2, 1))


def _yuv420(conversion: int) -> _Encoding:
    return _Encoding(1, conversion, neighbours=True, even=(2, 2), planes=(3, 2))


# The names of sensor_msgs/image_encodings.hpp, and nv12, which cameras send beside them. OpenCV
# names a Bayer pattern after the second pixels of the second row.
ENCODINGS = {
    "rgb8": _Encoding(3, None),
    "bgr8": _Encoding(3, cv2.COLOR_BGR2RGB),
    "rgba8": _Encoding(4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Encoding(4, cv2.COLOR_BGRA2RGB),
    "mono8": _Encoding(1, cv2.COLOR_GRAY2RGB),
    "rgb16": _Encoding(3, None, depth=2),
    "bgr16": _Encoding(3, cv2.COLOR_BGR2RGB, depth=2),
    "rgba16": _Encoding(4, cv2.COLOR_RGBA2RGB, depth=2),
    "bgra16": _Encoding(4, cv2.COLOR_BGRA2RGB, depth=2),
    "mono16": _Encoding(1, cv2.COLOR_GRAY2RGB, depth=2),
    "bayer_rggb8": _bayer(cv2.COLOR_BayerBG2RGB, 1),
    "bayer_bggr8": _bayer(cv2.COLOR_BayerRG2RGB, 1),
    "bayer_gbrg8": _bayer(cv2.COLOR_BayerGR2RGB, 1),
    "bayer_grbg8": _bayer(cv2.COLOR_BayerGB2RGB, 1),
    "bayer_rggb16": _bayer(cv2.COLOR_BayerBG2RGB, 2),
    "bayer_bggr16": _bayer(cv2.COLOR_BayerRG2RGB, 2),
    "bayer_gbrg16": _bayer(cv2.COLOR_BayerGR2RGB, 2),
    "bayer_grbg16": _bayer(cv2.COLOR_BayerGB2RGB, 2),
    "uyvy": _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    "yuv422": _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    "yuyv": _yuv422(cv2.COLOR_YUV2RGB_YUY2),
    "yuv422_yuy2": _yuv422(cv2.COLOR_YUV2RGB_YUY2),
    "nv12": _yuv420(cv2.COLOR_YUV2RGB_NV12),
    "nv21": _yuv420(cv2.COLOR_YUV2RGB_NV21),
}
_MAX_PIXELS = 1 << 26
_MAX_COMPRESSED = 1 << 26  # bytes


class Image(Protocol):
    """What is read of a sensor_msgs/Image, rclpy's as well as rosbags'."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
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

    Samples of 16 bits are scaled by 255 / 65535. YUV is that of BT.601 with limited range, which
    OpenCV and cv_bridge take it for.

    Raises:
        ImageError: an encoding that is not supported, or sizes that contradict the data.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        known = ", ".join(ENCODINGS)
        raise ImageError(f"encoding {message.encoding!r} is not supported; use one of {known}")
    samples = _samples(message, encoding)
    if encoding.conversion is None:
        return resize(_to_8_bits(samples))
    if encoding.neighbours:
        return resize(_to_8_bits(_converted(samples, encoding.conversion)))
    return _converted(resize(_to_8_bits(samples)), encoding.conversion)


def compressed_to_rgb(message: CompressedImage, resize: Resize) -> NDArray[np.uint8]:
    """Return a resized JPEG, PNG or WebP image as RGB uint8 [H, W, 3].

    Raises:
        ImageError: data that is no image of a sensible size.
    """
    if not 0 < len(message.data) <= _MAX_COMPRESSED:
        raise ImageError(
            f"{len(message.data)} bytes of compressed data, expected 1 to {_MAX_COMPRESSED}"
        )
    data = bytes(message.data)
    try:
        _check_size(*declared_size(data))
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(f"compressed data ({message.format!r}): {error.err}") from error
    except ValueError as error:
        raise ImageError(f"compressed data ({message.format!r}): {error}") from error
    if image is None:
        raise ImageError(f"compressed data ({message.format!r}) is not a readable image")
    return _converted(resize(image), cv2.COLOR_BGR2RGB)


def _samples(message: Image, encoding: _Encoding) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the samples [rows, width, channels] of an image message, once its sizes agree."""
    height, width, step, name = message.height, message.width, message.step, message.encoding
    _check_size(width, height)
    if min(width, height) < encoding.least:
        raise ImageError(
            f"{width} x {height} pixels, but {name} needs at least {encoding.least} x "
            f"{encoding.least}"
        )
    if width % encoding.even[0] or height % encoding.even[1]:
        raise ImageError(
            f"{width} x {height} pixels, but {name} needs multiples of {encoding.even[0]} x "
            f"{encoding.even[1]}"
        )
    row = width * encoding.channels * encoding.depth
    if step < row:
        raise ImageError(f"step {step}, but {width} pixels of {name} need {row} bytes")
    rows = height * encoding.planes[0] // encoding.planes[1]
    if len(message.data) != step * rows:
        raise ImageError(
            f"{len(message.data)} bytes, but {rows} rows of {step} bytes need {step * rows}"
        )
    used = np.frombuffer(message.data, np.uint8).reshape(rows, step)[:, :row]
    if encoding.depth == 2:
        order = ">u2" if message.is_bigendian else "<u2"
        used = np.ascontiguousarray(used).view(order).astype(np.uint16, copy=False)
    return used.reshape(rows, width, encoding.channels)


# OpenCV's own annotations do not say that samples keep their type.


def _converted(samples: NDArray[Any], conversion: int) -> NDArray[Any]:
    return cv2.cvtColor(samples, conversion)


def _to_8_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return samples
    scaled: NDArray[Any] = cv2.convertScaleAbs(samples, alpha=255 / 65535)
    return scaled


def _check_size(width: int, height: int) -> None:
    if height == 0 or width == 0 or height * width > _MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels, expected 1 to {_MAX_PIXELS} in all")
