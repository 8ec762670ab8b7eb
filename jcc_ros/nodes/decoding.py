"""From a latent message to the frames that it carries."""

from collections.abc import Mapping

from builtin_interfaces.msg import Time

from jcc_ros.codec.errors import PacketError, UnknownVersionError
from jcc_ros.codec.packet import Packet, split
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.msg import Latent
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.nodes.source import Frame
from jcc_ros.nodes.stamps import to_nanoseconds


def frames_of(
    message: Latent, models: Mapping[str, ClassifierModel], received: Time
) -> tuple[list[Frame], list[tuple[str, str]]]:
    """Return the frames of a message, and what of it is refused: reason and text of each.

    Args:
        models: by the beginning of their id, as packets name them.
        received: when the message came.
    """
    packets: list[Packet] = []
    refused: list[tuple[str, str]] = []
    try:
        packets.extend(split(message.data.tobytes()))
    except UnknownVersionError as error:
        refused.append(("unknown_version", str(error)))
    except PacketError as error:
        refused.append(("invalid_packet", str(error)))
    bits = latent_message_bits(message.header.frame_id, len(message.data))
    stamp = to_nanoseconds(message.header.stamp)
    frames = []
    for packet in packets:
        model = models.get(packet.model)
        if model is None:
            known = ", ".join(f"{key} ({m.name})" for key, m in models.items())
            refused.append(("unknown_model", f"model id {packet.model}, loaded: {known}"))
            continue
        try:
            latent = model.codec.decode(packet)
        except PacketError as error:
            refused.append(("invalid_packet", str(error)))
            continue
        frames.append(
            Frame(
                stamp=stamp + packet.offset,
                frame_id=message.header.frame_id,
                model=model,
                packet=packet,
                latent=latent,
                wire_bits=bits // len(packets),
                received=received,
            )
        )
    return frames, refused
