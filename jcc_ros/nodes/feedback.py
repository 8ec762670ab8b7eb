"""Tells the sender of a latent topic what arrives of its messages: `link` beside the topic."""

import random
from collections.abc import Mapping

from rclpy.node import Node

from jcc_ros.codec.reception import Reception
from jcc_ros.msg import LinkReport
from jcc_ros.nodes.qos import LINK_QOS, QUIET, overridable
from jcc_ros.nodes.stamps import to_time

_MAX_SEQUENCE = 2**32 - 1  # of the message
_RECEIVER = random.getrandbits(32)  # tells this process from others


class Feedback:
    """Reports on one topic.

    Args:
        node: that owns the publisher.
        topic: of the latents, with its namespace.
    """

    def __init__(self, node: Node, topic: str) -> None:
        self._node = node
        self._reception = Reception(_RECEIVER)
        self._publisher = node.create_publisher(
            LinkReport,
            f"{topic.removesuffix('/latent')}/link",
            event_callbacks=QUIET,
            **overridable(LINK_QOS),
        )

    def note(self, info: Mapping[str, int | None]) -> None:
        """Count a message; without numbers or times from the middleware there are no reports.

        Args:
            info: that rclpy hands over with the message.
        """
        sequence, sent = info["publication_sequence_number"], info["source_timestamp"]
        if sequence and sent and sequence <= _MAX_SEQUENCE:
            self._reception.note(sequence, sent / 1e9, info["received_timestamp"] / 1e9)

    def publish(self) -> None:
        """Report what has arrived since the last call, if anything."""
        report = self._reception.report()
        if report:
            self._publisher.publish(
                LinkReport(
                    delay=report.delay,
                    arrived=to_time(round(report.arrived * 1e9)),
                    sequence=report.sequence,
                    messages=report.messages,
                    receiver=report.receiver,
                )
            )

    def destroy(self) -> None:
        """Give the publisher back to the node."""
        self._node.destroy_publisher(self._publisher)
