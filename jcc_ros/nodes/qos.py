"""Quality of service of the topics, and how users may override it."""

from copy import copy
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

LATENT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
LINK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LABELS_QOS = QoSProfile(depth=100)
# Who joins late still learns what every frame shows.
TRUTH_QOS = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# For publishers of which there are many: rclpy asks each event handler about every message, and
# whoever subscribes in vain is told so on its own side.
QUIET = PublisherEventCallbacks(use_default_callbacks=False)


def overridable(profile: QoSProfile) -> dict[str, Any]:
    """Return the arguments of a publisher or subscription with overridable quality of service.

    It gets a profile of its own: rclpy writes what is overridden into the one that it is given.
    """
    return {
        "qos_profile": copy(profile),
        "qos_overriding_options": QoSOverridingOptions.with_default_policies(),
    }
