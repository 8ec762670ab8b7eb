"""Why frames are not sent."""

from enum import Enum


class Drop(Enum):
    """Why an encoder drops a frame; the value is how messages, logs and tables call it."""

    LOST_BEFORE_ENCODER = "lost_before_encoder"
    SUPERSEDED = "superseded"
    NO_SUBSCRIBER = "no_subscriber"
    MAX_FPS = "max_fps"
    RATE = "rate"
    UNUSABLE_IMAGE = "unusable_image"
    OVERSIZED = "oversized"
    TOPIC_REMOVED = "topic_removed"
    STOPPED = "stopped"
