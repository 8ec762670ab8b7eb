"""Takes images, or their labels, and notes how long after its stamp each one comes."""

import time
from array import array
from collections.abc import Callable
from statistics import median

from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from jcc_ros.msg import Classification

_REPETITIONS = 50


class Hop(Node):
    """Subscribes as any Python node would.

    Args:
        labels: take labels, not the images themselves.
        context: of rclpy, the default one if none is given.
    Attributes:
        delays: s from the stamp of each message to its arrival here.
    """

    def __init__(self, labels: bool, context: Context | None = None) -> None:
        super().__init__("hop", context=context)
        self.delays: list[float] = []
        kind, topic = (Classification, "image_raw/labels") if labels else (Image, "image_raw")
        self.create_subscription(kind, topic, self._receive, qos_profile_sensor_data)

    def _receive(self, message: Image | Classification) -> None:
        now = time.time_ns()
        stamp = message.header.stamp
        self.delays.append((now - stamp.sec * 10**9 - stamp.nanosec) / 1e9)


def copies(image: Image) -> dict[str, float]:
    """Return how long the parts of a hop take that only move the bytes of an image, s.

    Sending serialises, receiving deserialises; a copy in memory is the floor of both.
    """
    serialised = serialize_message(image)
    return {
        "serialise": _time(lambda: serialize_message(image)),
        "deserialise": _time(lambda: deserialize_message(serialised, Image)),
        "copy": _time(lambda: bytearray(serialised)),
    }


def _time(work: Callable[[], object]) -> float:
    durations = []
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return median(durations)


def white_image() -> Image:
    """Return an image of the size that the camera publishes."""
    data = array("B", b"\xff" * (640 * 480 * 3))
    return Image(height=480, width=640, encoding="rgb8", step=640 * 3, data=data)
