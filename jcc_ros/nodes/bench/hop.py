"""Takes images, or their labels, and notes how each one spent the time since its stamp."""

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import numpy as np
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.msg import Classification
from jcc_ros.nodes.images import rgb8_image

# Of the way of a message: from its stamp until it is written, until the receiving process has it,
# and until its callback is called.
PARTS = ("write", "arrive", "take")
_REPETITIONS = 50


class Hop(Node):
    """Subscribes as any Python node would.

    Args:
        labels: take labels, not the images themselves.
        context: of rclpy, the default one if none is given.
    Attributes:
        ways: for each message what its PARTS took, s.
    """

    def __init__(self, labels: bool, context: Context | None = None) -> None:
        super().__init__("hop", context=context)
        self.ways: list[tuple[float, ...]] = []
        kind, topic = (Classification, "image_raw/labels") if labels else (Image, "image_raw")
        self.create_subscription(kind, topic, self._receive, qos_profile_sensor_data)

    def _receive(self, message: Image | Classification, info: dict[str, int | None]) -> None:
        now = time.time_ns()
        stamp = nanoseconds(message.header.stamp)
        moments = (stamp, info["source_timestamp"] or 0, info["received_timestamp"] or 0, now)
        self.ways.append(tuple((end - start) / 1e9 for start, end in pairwise(moments)))


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
    return rgb8_image(np.full((480, 640, 3), 255, np.uint8))
