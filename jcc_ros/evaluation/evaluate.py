"""Bits and accuracy of a model at its operating points, measured through real bytes.

image -> latent -> packet -> bytes -> packet -> latent -> label
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from jcc_ros.codec.errors import OversizedError
from jcc_ros.codec.packet import split
from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.evaluation.points import check_points
from jcc_ros.evaluation.reliability import Reliability
from jcc_ros.evaluation.shares import interval
from jcc_ros.evaluation.workers import workers
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel

_BATCH = 128


@dataclass(frozen=True)
class PointResult:
    """What one operating point cost and gave.

    Attributes:
        point: index of the operating point in the ladder.
        step, prefix: of the operating point.
        bits_mean, bits_p05, bits_p95: payload bits of an image: mean, 5th and 95th percentile.
        ideal_bits_mean: code length under the entropy table, what no coder can beat.
        accuracy: share of images whose best label is right, 0 to 1.
        accuracy_95: ends of its 95 % confidence interval.
        expected_calibration_error: how far scores are from the shares that are right (Guo et al.,
            arXiv 1706.04599, 15 equal bins), 0 to 1.
    """

    point: int
    step: float
    prefix: int
    bits_mean: float
    bits_p05: float
    bits_p95: float
    ideal_bits_mean: float
    accuracy: float
    accuracy_95: tuple[float, float]
    expected_calibration_error: float


@dataclass(frozen=True)
class Evaluation:
    """A model's results on some labelled images.

    Attributes:
        model: its name.
        model_id: all 64 hexadecimal digits.
        images: how many were measured.
        unquantised_accuracy: with latents as the encoder makes them, nothing sent: what both halves
            give on one machine.
        points: by rising bits.
    """

    model: str
    model_id: str
    images: int
    unquantised_accuracy: float
    points: tuple[PointResult, ...]


def evaluate(
    encoder: EncoderModel,
    classifier: ClassifierModel,
    data: LabelledImages,
    points: Sequence[int] | None = None,
    measured: Callable[[PointResult], None] = lambda result: None,
) -> Evaluation:
    """Measure operating points on `data`, whose labels are indices into the classifier's classes.

    Args:
        points: indices into the ladder; None for all.
        measured: called with every result as soon as there is one.
    Raises:
        DataError: an index that the ladder does not have.
    """
    chosen = range(len(encoder.codec.ladder)) if points is None else points
    check_points(chosen, encoder)
    results = []
    with workers() as pool:
        latents = encode_images(encoder, data.images, pool)
        bare = accuracy(classifier, latents, data.labels, pool)
        for index in tqdm(chosen, desc="measure", unit="point", leave=False, disable=None):
            results.append(measure(encoder, classifier, latents, data.labels, index, pool))
            measured(results[-1])
    return Evaluation(classifier.name, encoder.codec.model_id, len(data), bare, tuple(results))


def encode_images(
    encoder: EncoderModel, images: NDArray[np.uint8], pool: Executor
) -> NDArray[np.float32]:
    """Return latents [N, C, h, w] of images [N, H, W, 3], each made as the robot makes it."""
    made = pool.map(encoder.latent, images)
    shown = tqdm(made, total=len(images), desc="encode", unit="image", leave=False, disable=None)
    return np.stack(list(shown))


def accuracy(
    classifier: ClassifierModel,
    latents: NDArray[np.float32],
    labels: NDArray[np.int64],
    pool: Executor,
) -> float:
    """Return the share of latents [N, C, h, w], classified as they are, that get their label."""

    def correct(start: int) -> int:
        best = classifier.network(latents[start : start + _BATCH]).argmax(axis=1)
        return int((best == labels[start : start + _BATCH]).sum())

    return sum(pool.map(correct, range(0, len(latents), _BATCH))) / len(latents)


def measure(
    encoder: EncoderModel,
    classifier: ClassifierModel,
    latents: NDArray[np.float32],
    labels: NDArray[np.int64],
    index: int,
    pool: Executor,
) -> PointResult:
    """Send latents [N, C, h, w] through packets of one operating point and classify them.

    Raises:
        DataError: an image that takes more than a packet holds.
        PacketError: the halves do not belong together.
    """
    point = encoder.codec.ladder[index]

    def judge(start: int) -> tuple[NDArray[Any], ...]:
        """Return of one batch's images payload bits, ideal bits, best scores, and who is right."""
        batch = latents[start : start + _BATCH]
        ideal = point.table.ideal_bits(encoder.codec.symbols(batch, index))
        bits, received = _send(encoder, classifier, batch, index, start)
        scores = classifier.scores(received, index)
        right = scores.argmax(axis=1) == labels[start : start + _BATCH]
        return bits, ideal, scores.max(axis=1), right

    batches = pool.map(judge, range(0, len(latents), _BATCH))
    bits, ideal, scores, right = map(np.concatenate, zip(*batches, strict=True))
    reliability = Reliability()
    for score, correct in zip(scores.tolist(), right.tolist(), strict=True):
        reliability.add(score, correct)
    low, high = np.percentile(bits, (5, 95))
    return PointResult(
        point=index,
        step=point.step,
        prefix=point.prefix,
        bits_mean=float(bits.mean()),
        bits_p05=float(low),
        bits_p95=float(high),
        ideal_bits_mean=float(ideal.mean()),
        accuracy=float(right.mean()),
        accuracy_95=interval(int(right.sum()), len(right)),
        expected_calibration_error=reliability.error or 0.0,
    )


def _send(
    encoder: EncoderModel,
    classifier: ClassifierModel,
    batch: NDArray[np.float32],
    index: int,
    start: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return of one batch's images payload bits [n], and latents as they arrive, [n, C, h, w].

    Args:
        batch: latents, [n, C, h, w].
        start: the first one's position among all.
    Raises:
        DataError: names the image that takes more than a packet holds.
    """
    received, bits = np.empty_like(batch), np.empty(len(batch), np.int64)
    for position, latent in enumerate(batch):
        try:
            wire = encoder.codec.encode(latent, index).to_bytes()
        except OversizedError as error:
            raise DataError(
                f"image {start + position} at operating point {index}: {error}; measure other "
                "points, or calibrate with a larger calibrate.finest"
            ) from error
        (packet,) = split(wire)
        received[position] = classifier.codec.decode(packet)
        bits[position] = 8 * len(packet.payload)
    return bits, received
