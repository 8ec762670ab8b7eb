"""Times for messages."""

from builtin_interfaces.msg import Time


def to_time(stamp: int) -> Time:
    """Return a time in ns as a message; seconds that do not fit into it come round."""
    seconds, nanoseconds = divmod(stamp, 10**9)
    return Time(sec=(seconds + 2**31) % 2**32 - 2**31, nanosec=nanoseconds)
