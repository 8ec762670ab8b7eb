"""Watches all encoders and labels on the network, as they come and go."""

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.msg import Classification, EncoderStatus

_DISCOVERY_PERIOD = 0.5  # s
_FORGET = 5.0  # s without a report
_LATENCIES = 200  # frames


@dataclass
class Robot:
    """An encoder's last report.

    Attributes:
        status: the report.
        seen: when it came, s of the monotonic clock.
    """

    status: EncoderStatus
    seen: float


@dataclass
class Labels:
    """What is known of a topic of labels: delays from the image's stamp, s."""

    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

    def latency(self) -> float:
        """Return the median of the last frames, s, NaN without any."""
        return float(np.median(self.latencies)) if self.latencies else float("nan")


class Fleet(Node):
    """Listens to every EncoderStatus and Classification topic there is."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("fleet", context=context)
        self._robots: dict[str, Robot] = {}
        self._labels: dict[str, Labels] = {}
        self._known: set[str] = set()
        self.create_timer(_DISCOVERY_PERIOD, self._discover)

    def robots(self) -> dict[str, EncoderStatus]:
        """Return the last report of every encoder that is alive, by its topic."""
        now = time.monotonic()
        alive = {t: robot.status for t, robot in self._robots.items() if now - robot.seen < _FORGET}
        return dict(sorted(alive.items()))

    def latency(self, image_topic: str) -> float:
        """Return the median delay from image to label of a camera, s, NaN if no label came."""
        return self._labels.get(f"{image_topic}/labels", Labels()).latency()

    def _discover(self) -> None:
        for topic, types in self.get_topic_names_and_types():
            if topic in self._known:
                continue
            if "jcc_ros/msg/EncoderStatus" in types:
                self._known.add(topic)
                self.create_subscription(
                    EncoderStatus, topic, lambda m, t=topic: self._status(t, m), 10
                )
            elif "jcc_ros/msg/Classification" in types and topic.endswith("/labels"):
                self._known.add(topic)
                self.create_subscription(
                    Classification,
                    topic,
                    lambda m, t=topic: self._label(t, m),
                    qos_profile_sensor_data,
                )

    def _status(self, topic: str, message: EncoderStatus) -> None:
        self._robots[topic] = Robot(message, time.monotonic())

    def _label(self, topic: str, message: Classification) -> None:
        passed = nanoseconds(message.classified) - nanoseconds(message.header.stamp)
        self._labels.setdefault(topic, Labels()).latencies.append(passed / 1e9)
