"""Images out of a recorded bag, as pixels, and labelled for training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.ros_images import ImageError, compressed_to_rgb, to_rgb
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.datasets.ros_types import COMPRESSED_IMAGE, IMAGE
from jcc_ros.evaluation.bags import Bag, Recorded
from jcc_ros.evaluation.frames import Frame
from jcc_ros.evaluation.truth import Truth


@dataclass(frozen=True)
class Found:
    """One recorded image.

    Attributes:
        stamp: of the image, ns.
        label: what it shows, None if the truth does not say.
        image: uint8 RGB [H, W, 3] as recorded; None where there is no label.
        error: why it could not be read, empty if it could.
    """

    stamp: int
    label: str | None
    image: NDArray[np.uint8] | None = None
    error: str = ""


def image_topic(bag: Bag, asked: str | None) -> str:
    """Return the topic that is asked for, or the only one with images.

    Raises:
        DataError: there is none, or several to choose from.
    """
    topics = bag.topics(IMAGE, COMPRESSED_IMAGE)
    if asked is None and len(topics) == 1:
        return topics[0]
    if asked in topics:
        return asked
    listed = ", ".join(topics) or "none"
    wanted = f"no images on {asked}" if asked else "expected one topic with images"
    raise DataError(f"{bag.path}: {wanted}; topics with images: {listed}")


def labelled_images(bag: Bag, topic: str, truth: Truth, every: int = 1) -> Iterator[Found]:
    """Yield the images of a topic in the order of recording.

    Args:
        every: of so many labelled images, the first.
    """
    labelled = 0
    for recorded in bag.messages({topic}):
        stamp = nanoseconds(recorded.message.header.stamp)
        label = truth.of(Frame(topic, stamp, image_time=recorded.time))
        if label is None:
            yield Found(stamp, None)
            continue
        labelled += 1
        if (labelled - 1) % every:
            continue
        try:
            yield Found(stamp, label, pixels_of(recorded))
        except ImageError as error:
            yield Found(stamp, label, error=str(error))


def pixels_of(recorded: Recorded) -> NDArray[np.uint8]:
    """Return an image, raw or compressed, as RGB [H, W, 3] of its own size.

    Raises:
        ImageError: an image that cannot be turned into RGB pixels.
    """
    convert = to_rgb if recorded.kind == IMAGE else compressed_to_rgb
    return convert(recorded.message, lambda image: image)
