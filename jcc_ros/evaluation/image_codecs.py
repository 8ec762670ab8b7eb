"""JPEG and WebP as baselines: the image is sent and classified where it arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.datasets.lossy import decode, encode
from jcc_ros.evaluation.evaluate import accuracy
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel

QUALITIES = (1, 2, 4, 7, 11, 16, 23, 32, 44, 58, 72, 84, 93)

_START_OF_SCAN = b"\xff\xda"


@dataclass(frozen=True)
class CodecPoint:
    """What one quality of an image codec cost and gave.

    Attributes:
        quality: 1 to 100, as OpenCV counts.
        bits: of an image, mean, without what could be agreed on beforehand.
        file_bits: of a whole file, mean.
        accuracy: of the classifier on the decoded images, 0 to 1.
    """

    quality: int
    bits: float
    file_bits: float
    accuracy: float


def jpeg_bits(file: bytes) -> int:
    """Return the bits of a JPEG's scan: tables and headers are the same for every image."""
    at = file.index(_START_OF_SCAN)
    header = int.from_bytes(file[at + 2 : at + 4], "big")
    return 8 * (len(file) - at - 2 - header - 2)  # the last two say that it ends


def webp_bits(file: bytes) -> int:
    """Return the bits of a lossy WebP without its container and the ten bytes of frame header."""
    return 8 * (len(file) - 20 - 10)


CODECS: dict[str, Callable[[bytes], int]] = {"JPEG": jpeg_bits, "WebP": webp_bits}


def measure_codec(
    name: str,
    encoder: EncoderModel,
    classifier: ClassifierModel,
    data: LabelledImages,
    pool: Executor,
    qualities: Sequence[int] = QUALITIES,
) -> list[CodecPoint]:
    """Send images through a codec, then through both networks, unquantised, where they arrive.

    Args:
        name: one of CODECS.
        data: labels are indices into the classifier's classes.
    Returns:
        points by rising quality.
    """
    net_bits = CODECS[name]

    def send(quality: int, image: NDArray[np.uint8]) -> tuple[int, int, NDArray[np.float32]]:
        file = encode(name, image, quality)
        return net_bits(file), 8 * len(file), encoder.latent(decode(file))

    points = []
    for quality in qualities:
        sent = list(pool.map(lambda image, quality=quality: send(quality, image), data.images))
        bits, whole = np.mean([(a, b) for a, b, _ in sent], axis=0)
        latents = np.stack([latent for _, _, latent in sent])
        right = accuracy(classifier, latents, data.labels, pool)
        points.append(CodecPoint(quality, float(bits), float(whole), right))
    return points
