"""What the codec raises on bytes that it did not write."""


class PacketError(ValueError):
    """Bytes that are no packet of a known model: truncated, corrupt, or from another version."""
