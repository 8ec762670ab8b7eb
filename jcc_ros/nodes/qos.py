"""Quality of service that users may override."""

from copy import copy
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions


def overridable(profile: QoSProfile) -> dict[str, Any]:
    """Return the arguments of a publisher or subscription with overridable quality of service.

    It gets a profile of its own: rclpy writes what is overridden into the one that it is given.
    """
    return {
        "qos_profile": copy(profile),
        "qos_overriding_options": QoSOverridingOptions.with_default_policies(),
    }
