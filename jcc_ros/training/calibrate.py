"""Calibration: freeze entropy tables on training latents, measure candidates, keep the ladder."""

from dataclasses import replace
from itertools import product

import numpy as np
from tqdm import tqdm

from jcc_ros.codec.entropy import MAX_LOWEST
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import MAX_PAYLOAD
from jcc_ros.codec.quantizer import quantize
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.confidence import confidence
from jcc_ros.training.config import Calibrate
from jcc_ros.training.errors import RunError
from jcc_ros.training.loop import encoded
from jcc_ros.training.tables import TooFineError, clusters, fit_table

_LEAST_BITS = 12.0  # of a payload worth an operating point
_CLOSEST = 1.03  # ratio of the bits of two neighbours on the ladder


def calibrate(
    encoder: Encoder,
    classifier: Classifier,
    train: LabelledImages,
    validation: LabelledImages,
    config: Calibrate,
) -> Ladder:
    """Return the ladder of two folded halves.

    Tables come from the training images; bits (real payloads) and accuracy from the validation
    images. Kept are the candidates whose cross-entropy no cheaper one reaches: it ranks as accuracy
    does, and on some thousand images it is much less noisy. Each has the temperature that suits it:
    with few bits a classifier is too sure, which costs cross-entropy but no label.

    Args:
        train: as they are, even if augmentation sends them through an image codec.
        validation: as such a codec delivers them.
    Raises:
        RunError: no candidate can be coded, or a latent is no number.
    """
    device = encoder.mean.device
    known, unseen = (encoded(encoder, part, device).numpy() for part in (train, validation))
    if not np.isfinite(known).all():
        raise RunError(
            "calibrate: the encoder's latents are not all finite numbers, so the training "
            "diverged; train anew with a lower finetune.learning_rate"
        )
    cluster = clusters(known, config.components) if config.components > 1 else None
    shape = encoder.config.latent_shape
    candidates: list[tuple[float, OperatingPoint]] = []
    steps = np.geomspace(config.finest, config.coarsest, config.count)
    prefixes = sorted({max(1, round(share * shape[0])) for share in config.prefixes})
    grid = list(product(steps, prefixes))
    for step, prefix in tqdm(grid, desc="calibrate", unit="point", leave=False, disable=None):
        # As it will be stored: tables, id and steps must survive the way through the file.
        step = float(np.float32(step))
        learned = known[:, :prefix].reshape(len(known), -1)
        # Bounded where no table reaches: the symbols of a training that diverged are no int32.
        symbols = quantize(learned, step, -2 * MAX_LOWEST, 4 * MAX_LOWEST)
        try:
            table = fit_table(symbols, prefix, cluster)
        except TooFineError:
            continue
        point = OperatingPoint(step, prefix, table, bits=0.0, accuracy=0.0)
        codec = LatentCodec(Ladder(shape, [point]))
        sizes = [len(table.encode(row)) for row in codec.symbols(unseen, 0)]
        if max(sizes) > MAX_PAYLOAD:
            continue
        found = confidence(classifier, codec.received(unseen, 0), validation.labels)
        bits, score = 8 * float(np.mean(sizes)), found.accuracy
        measured = replace(point, bits=bits, accuracy=score, temperature=found.temperature)
        candidates.append((found.loss, measured))
    kept = _thin(_pareto(candidates), config.points)
    if not kept:
        raise RunError(
            f"calibrate.coarsest {config.coarsest}: even this step is too fine for the latents, "
            f"whose largest value is {np.abs(known).max():.4g}; raise it, unless the training "
            "diverged"
        )
    return Ladder(shape, kept)


def _pareto(candidates: list[tuple[float, OperatingPoint]]) -> list[OperatingPoint]:
    """Keep, by rising bits, those with a lower cross-entropy than every cheaper one.

    Of those that cost nearly the same, the best one stays. Payloads of about a byte are left out as
    long as there are others: rounding to bytes would cost more than the symbols.
    """
    costly = [pair for pair in candidates if pair[1].bits >= _LEAST_BITS] or candidates
    front: list[OperatingPoint] = []
    best = np.inf
    for loss, point in sorted(costly, key=lambda pair: (pair[1].bits, pair[0])):
        if loss < best:
            best = loss
            front.append(point)
    kept: list[OperatingPoint] = []
    for point in reversed(front):  # the dearer, the better
        if not kept or _CLOSEST * point.bits <= kept[-1].bits:
            kept.append(point)
    return kept[::-1]


def _thin(points: list[OperatingPoint], most: int) -> list[OperatingPoint]:
    """Keep at most `most` points, both ends among them, spread evenly in the logarithm of bits.

    Where only one may stay, it is the best.
    """
    if len(points) <= most:
        return points
    if most == 1:
        return points[-1:]
    kept = list(points)
    while len(kept) > most:
        spans = [
            (after.bits + 1) / (before.bits + 1)
            for before, after in zip(kept, kept[2:], strict=False)
        ]
        del kept[1 + int(np.argmin(spans))]
    return kept
