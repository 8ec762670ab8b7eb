"""Many simulated robots in one process: what their encoders would send, and the labels they get."""

import time
from array import array
from collections.abc import Sequence
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.msg import Classification, Latent
from jcc_ros.nodes.qos import LATENT_QOS, QUIET
from jcc_ros.nodes.stamps import to_time


class Swarm(Node):
    """Publishes one packet a message on `/robotN/image_raw/latent`, the robots in turn.

    Args:
        robots: how many.
        fps: messages a second of each.
        packets: that they send, over and over.
        context: of rclpy, the default one if none is given.
    Attributes:
        sent: messages of each robot.
        labelled: labels that each robot got.
        latencies: s from sending to the label, of all robots.
        batches: that each classifier has classified, by the name of its diagnostics.
    """

    def __init__(
        self, robots: int, fps: float, packets: Sequence[bytes], context: Context | None = None
    ) -> None:
        super().__init__("swarm", context=context)
        self.sent = [0] * robots
        self.labelled = [0] * robots
        self.latencies: list[float] = []
        self.batches: dict[str, int] = {}
        self._packets = [array("B", packet) for packet in packets]
        self._turn = 0
        topics = [f"/robot{robot}/image_raw" for robot in range(robots)]
        self._latents = [
            self.create_publisher(Latent, f"{topic}/latent", LATENT_QOS, event_callbacks=QUIET)
            for topic in topics
        ]
        for robot, topic in enumerate(topics):
            self.create_subscription(
                Classification,
                f"{topic}/labels",
                partial(self._label, robot),
                qos_profile_sensor_data,
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            )
        self.create_subscription(DiagnosticArray, "/diagnostics", self._diagnostics, 10)
        self._labels = [f"{topic}/labels" for topic in topics]
        self._period = 1 / fps / robots

    def ready(self) -> bool:
        """Say whether every robot has found a classifier, and its labels."""
        return all(latent.get_subscription_count() for latent in self._latents) and all(
            self.count_publishers(labels) for labels in self._labels
        )

    def begin(self) -> None:
        """Start to send."""
        self.create_timer(self._period, self._send)

    def _send(self) -> None:
        robot = self._turn % len(self._latents)
        message = Latent(data=self._packets[self._turn % len(self._packets)])
        message.header.stamp = to_time(time.time_ns())
        message.header.frame_id = "camera"
        self._latents[robot].publish(message)
        self.sent[robot] += 1
        self._turn += 1

    def _label(self, robot: int, message: Classification) -> None:
        self.labelled[robot] += 1
        self.latencies.append((time.time_ns() - nanoseconds(message.header.stamp)) / 1e9)

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            for value in status.values:
                if value.key == "batches":
                    self.batches[status.name] = int(value.value)
