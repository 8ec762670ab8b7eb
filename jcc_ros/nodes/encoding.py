"""From an image message to a packet that waits to be sent, or the reason why there is none."""

import time
from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.errors import OversizedError
from jcc_ros.codec.sender import Sender
from jcc_ros.datasets.ros_images import ImageError, compressed_to_rgb, to_rgb
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.networks.encoder_model import EncoderModel

AnyImage = Image | CompressedImage


@dataclass(frozen=True)
class Dropped:
    """What became of a frame that is not sent.

    Attributes:
        reason: of the drop.
        problem: of the image, if it is that.
    """

    reason: Drop
    problem: str = ""


def encode(
    model: EncoderModel,
    sender: Sender,
    topic: str,
    message: AnyImage,
    received: float,
    budget: Budget,
) -> int | Dropped:
    """Hand the packet of an image to the sender and return its operating point, or why not.

    Args:
        received: when the image came, s of the sender's clock, which is Python's monotonic one.
    """
    frame_id = message.header.frame_id
    chosen = sender.admit(topic, frame_id, received, budget)
    if isinstance(chosen, Drop):
        return Dropped(chosen)
    started = time.monotonic()
    convert = compressed_to_rgb if isinstance(message, CompressedImage) else to_rgb
    try:
        pixels = convert(message, model.network.config.input)
    except ImageError as error:
        sender.withdraw(topic)
        return Dropped(Drop.UNUSABLE_IMAGE, str(error))
    latent = model.latent(pixels)
    stamp = nanoseconds(message.header.stamp)
    try:
        sender.add(topic, latent, chosen, stamp, frame_id, started)
    except OversizedError as error:
        return Dropped(Drop.OVERSIZED, str(error))
    return chosen
