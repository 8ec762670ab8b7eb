"""What the codec raises: on bytes that it did not write, and on what its format cannot hold."""


class PacketError(ValueError):
    """Bytes that are no packet of a known model: truncated, corrupt, or from another version."""


class UnknownVersionError(PacketError):
    """A packet of a version that this decoder does not read."""


class OversizedError(ValueError):
    """A payload beyond what a packet holds."""
