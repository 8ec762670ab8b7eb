"""What the codec raises on bytes that it did not write."""


class PacketError(ValueError):
    """Bytes that are no packet of a known model: truncated, corrupt, or from another version."""


class UnknownVersionError(PacketError):
    """A packet of a version that this decoder does not read."""
