"""Images as JPEG or WebP deliver them, for classifiers of decoded images."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.datasets.lossy import decode, encode
from jcc_ros.training.config import ImageCodec


def coded(images: Tensor, codec: ImageCodec) -> Tensor:
    """Return each image coded and decoded at a quality of its own, [N, 3, H, W] in 0 .. 1.

    Qualities are drawn uniformly, with torch's random numbers. Of the simple choices this spreads
    images most evenly over the logarithm of the bits: of CIFAR-10 at qualities 1 to 93, half of
    WebP's draws lie below 1.6 kbit (of 0.6 to 4.2) and half of JPEG's below 1.3 (of 0.2 to 3.9);
    log-uniform draws would spend half on 0.6 to 0.9 and on 0.2 to 0.5.
    """
    lowest, highest = codec.qualities
    qualities = torch.randint(lowest, highest + 1, (len(images),)).tolist()
    pixels = (255 * images).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    arrived = torch.from_numpy(_through(codec.name, pixels, qualities))
    return arrived.to(images.device).permute(0, 3, 1, 2).float() / 255


def delivered(data: LabelledImages, codec: ImageCodec | None) -> LabelledImages:
    """Return the images as they arrive at the middle quality; as they are without a codec."""
    if codec is None:
        return data
    middle = sum(codec.qualities) // 2
    return replace(data, images=_through(codec.name, data.images, [middle] * len(data)))


def _through(name: str, images: NDArray[np.uint8], qualities: list[int]) -> NDArray[np.uint8]:
    sent = (encode(name, image, q) for image, q in zip(images, qualities, strict=True))
    return np.stack([decode(file) for file in sent])
