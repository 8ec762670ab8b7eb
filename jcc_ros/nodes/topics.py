"""Names of topics: as parameters give them, and of the topics that stand beside them."""

from typing import Annotated

from pydantic import AfterValidator
from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_topic_name import validate_topic_name

# rclpy has no public name for what it raises where a name cannot be expanded: a RuntimeError.
_INVALID = (InvalidTopicNameException, RuntimeError, ValueError)


def _topic_name(name: str) -> str:
    try:
        validate_topic_name(name)
        # Whether there can be such a topic shows only when it is expanded.
        validate_full_topic_name(expand_topic_name(name, "node", "/"))
    except _INVALID as error:
        raise ValueError(_reason(error)) from error
    return name


def _topic_pattern(text: str) -> str:
    _topic_name(text.replace("*", "x"))  # a pattern is as valid as a name that it matches
    if "*" in text and text[0] not in "/*":
        raise ValueError(f"{text!r} is not a valid pattern: a pattern begins with / or *")
    return text


TopicName = Annotated[str, AfterValidator(_topic_name)]
TopicPattern = Annotated[str, AfterValidator(_topic_pattern)]


def full_name(node: Node, topic: str, beside: str) -> str:
    """Return a topic's name as a node sees it: with its namespace, remapped.

    Args:
        beside: last part of the longest name of a topic that the node has beside it.
    Raises:
        ValueError: there can be no topic of one of both names.
    """
    try:
        name = node.resolve_topic_name(topic)
        validate_full_topic_name(f"{name.removesuffix('/latent')}/{beside}")
    except _INVALID as error:
        raise ValueError(f"{topic}: {_reason(error)}") from error
    return name


def _reason(error: Exception) -> str:
    """Return what rclpy says, without the lines of its source and of the name."""
    return " ".join(str(error).partition(", at /")[0].split())
