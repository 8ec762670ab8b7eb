"""From a latent message to the frames that it carries."""

from collections.abc import Collection

from builtin_interfaces.msg import Time

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.packet import readable
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.msg import Latent
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.decoding import decode
from jcc_ros.nodes.source import Frame


def frames_of(
    message: Latent, models: Collection[ClassifierModel], received: Time
) -> tuple[list[Frame], list[PacketError]]:
    """Return the frames of a message, and why the rest of it is refused.

    Args:
        models: no two of the same id.
        received: when the message came.
    """
    packets, rest = readable(message.data.tobytes())
    refused = [] if rest is None else [rest]
    bits = latent_message_bits(message.header.frame_id, len(message.data))
    stamp = nanoseconds(message.header.stamp)
    frames = []
    for packet in packets:
        try:
            model, latent = decode(packet, models)
        except PacketError as error:
            refused.append(error)
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
