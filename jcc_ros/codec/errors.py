"""What the codec raises: on bytes that it did not write, and on what its format cannot hold."""


class PacketError(ValueError):
    """Bytes that are no packet of a known model: truncated, corrupt, or from another version.

    Attributes:
        reason: of the drop, as it is counted.
    """

    reason = "invalid_packet"


class UnknownVersionError(PacketError):
    """A packet of a version that this decoder does not read."""

    reason = "unknown_version"


class UnknownModelError(PacketError):
    """A packet of a model that is not at hand."""

    reason = "unknown_model"


class OversizedError(ValueError):
    """A payload beyond what a packet holds."""
