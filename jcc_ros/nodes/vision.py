"""Labels as vision_msgs/Classification, for what does not know our own message."""

from importlib import import_module

from rclpy.node import Node
from rclpy.qos import QoSProfile

from jcc_ros.msg import Classification
from jcc_ros.nodes.qos import QUIET, overridable

_PACKAGE = "vision_msgs"


class NoVisionMessagesError(Exception):
    """The package vision_msgs is not installed."""


def check_vision_messages() -> None:
    """Make sure that there are such messages.

    Raises:
        NoVisionMessagesError: tells how to get them.
    """
    try:
        import_module(f"{_PACKAGE}.msg")
    except ImportError as error:
        raise NoVisionMessagesError(
            "vision_msgs: the package vision_msgs is not installed "
            "(sudo apt install ros-$ROS_DISTRO-vision-msgs)"
        ) from error


class VisionPublisher:
    """Publishes labels as vision_msgs/Classification: `class_id` is the label.

    Args:
        node: that owns the publisher.
        topic: with its namespace.
        qos: of the publisher, overridable.
    """

    def __init__(self, node: Node, topic: str, qos: QoSProfile) -> None:
        self._node = node
        self._messages = import_module(f"{_PACKAGE}.msg")
        self._publisher = node.create_publisher(
            self._messages.Classification, topic, event_callbacks=QUIET, **overridable(qos)
        )

    def publish(self, message: Classification) -> None:
        """Publish the labels and scores of one of our messages, under its header."""
        results = [
            self._messages.ObjectHypothesis(class_id=label, score=float(score))
            for label, score in zip(message.labels, message.scores, strict=True)
        ]
        self._publisher.publish(
            self._messages.Classification(header=message.header, results=results)
        )

    def destroy(self) -> None:
        """Give the publisher back to the node."""
        self._node.destroy_publisher(self._publisher)
