"""One latent topic of a classifier: its messages, its labels, and what became of its frames."""

import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from jcc_ros.codec.packet import Packet
from jcc_ros.msg import Classification, Latent
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.nodes.feedback import Feedback
from jcc_ros.nodes.managed import summary_of
from jcc_ros.nodes.qos import LABELS_QOS, QUIET, overridable
from jcc_ros.nodes.vision import VisionPublisher


@dataclass(frozen=True)
class Frame:
    """One decoded frame that waits for the network."""

    stamp: int
    frame_id: str
    model: ClassifierModel
    packet: Packet
    latent: NDArray[np.float32]
    wire_bits: int
    received: Time


class Source:
    """Subscribes to a latent topic, publishes `labels` and, for the sender, `link` beside it.

    With vision_msgs also `classification`.

    Args:
        node: that owns subscription and publisher.
        topic: of the latents, with its namespace.
        receive: called with the source and each message.
        vision: publish vision_msgs/Classification as well.
    Attributes:
        topic, labels: names of both topics.
        pending: frames that wait for the network.
        messages: received.
        labelled: frames.
        dropped: frames by reason; messages that did not arrive.
        unreadable: how many packets the last diagnostics had counted as such.
        turn: number of the last frame, of all topics, that was taken from `pending`.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        receive: Callable[["Source", Latent], None],
        vision: bool = False,
    ) -> None:
        self.topic = topic
        base = topic.removesuffix("/latent")
        self.labels = f"{base}/labels"
        self.pending: deque[Frame] = deque()
        self.messages = 0
        self.labelled = self.unreadable = self.turn = 0
        self.dropped: Counter[str] = Counter()
        self._node = node
        self._sequence = 0
        self._senders = 0
        self._sender_seen = time.monotonic()
        self.look_for_senders()

        def count_and_receive(message: Latent, info: dict[str, int | None]) -> None:
            self.messages += 1
            self._feedback.note(info)
            if missed := self._missed(info["publication_sequence_number"] or 0):
                self.dropped["lost_on_the_way"] += missed
            receive(self, message)

        with ExitStack() as made:  # given back if the rest cannot be had
            self._feedback = Feedback(node, topic)
            made.callback(self._feedback.destroy)
            self._publisher = node.create_publisher(
                Classification, self.labels, event_callbacks=QUIET, **overridable(LABELS_QOS)
            )
            made.callback(node.destroy_publisher, self._publisher)
            self._vision = None
            if vision:
                self._vision = VisionPublisher(node, f"{base}/classification", LABELS_QOS)
                made.callback(self._vision.destroy)
            subscription = node.create_subscription(
                Latent, topic, count_and_receive, **overridable(qos_profile_sensor_data)
            )
            made.callback(node.destroy_subscription, subscription)
            self._made = made.pop_all()

    def publish(self, message: Classification) -> None:
        """Publish a label."""
        self._publisher.publish(message)
        if self._vision:
            self._vision.publish(message)
        self.labelled += 1

    def report_link(self) -> None:
        """Tell the sender what has arrived lately."""
        self._feedback.publish()

    def look_for_senders(self) -> float:
        """Return since when there has been nobody who could send, s; 0 if there is somebody."""
        now = time.monotonic()
        self._senders = self._node.count_publishers(self.topic)
        if self._senders:
            self._sender_seen = now
        return now - self._sender_seen

    def counts(self) -> str:
        """Return all counts as words, for logs."""
        return (
            f"{self.topic}: {self.messages} messages, {self.labelled} frames labelled, "
            f"dropped: {summary_of(self.dropped)}"
        )

    def destroy(self) -> None:
        """Give subscription and publishers back to the node."""
        self._made.close()

    def _missed(self, sequence: int) -> int:
        """Return how many of the sender's messages were lost before the one of this number.

        Fast DDS does not report those that it replaced by newer ones, before anybody took them.
        """
        before, self._sequence = self._sequence, sequence
        # A sender that has started anew counts from 1, and several count each for itself.
        return sequence - before - 1 if self._senders == 1 and 0 < before < sequence else 0
