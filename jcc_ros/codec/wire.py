"""What a message costs on the link: payload, packet and message framing, RTPS, UDP and IPv4."""

_CDR_HEADER = 4
_STAMP = 8
_LENGTH = 4  # before a string and before a sequence

# Bytes that rmw_fastrtps_cpp (Fast DDS 2.14, Jazzy) puts around the serialised message for one
# best-effort reader, counted in captured datagrams; docs/bitrate.md says how.
_RTPS = 132
_UDP_IPV4 = 8 + 20
_MTU = 1500


def latent_message_bits(frame_id: str, data_bytes: int) -> int:
    """Return the bits at the IP layer of one Latent message to one subscriber.

    Args:
        frame_id: of the header.
        data_bytes: length of `data`.
    """
    text = _LENGTH + len(frame_id.encode()) + 1
    text += -text % 4  # the sequence length that follows is aligned
    body = _CDR_HEADER + _STAMP + text + _LENGTH + data_bytes
    datagram = _RTPS + body + -body % 4 + _UDP_IPV4
    fragments = -(-(datagram - 20) // (_MTU - 20))
    return 8 * (datagram + 20 * (fragments - 1))
