"""Times in ROS messages, whoever has read them."""

from typing import Any


def nanoseconds(time: Any) -> int:
    """Return a builtin_interfaces/Time, of rclpy or of rosbags, in ns."""
    return int(time.sec) * 10**9 + int(time.nanosec)
