"""What benchmarks work on where nothing real is at hand; seeded, so that figures compare."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.classifier import deploy as deploy_classifier
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder import Encoder, deploy
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.preprocess import Preprocess

SEED = 0
"""Of all that is drawn."""

FRAME = (480, 640)
"""Height and width of a camera frame, pixels."""


def synthetic_model() -> tuple[EncoderModel, ClassifierModel]:
    """Return halves of the default size with random weights, for machines without a model."""
    torch.manual_seed(SEED)
    config = EncoderConfig(input=Preprocess(height=32, width=32))
    encoder = deploy(Encoder(config).eval())
    classifier = Classifier(ClassifierConfig(channels=config.channels, classes=10)).eval()
    shared = LatentCodec(synthetic_ladder(config.latent_shape))
    classes = tuple(map(str, range(10)))
    return (
        EncoderModel("synthetic", encoder, shared, {}),
        ClassifierModel("synthetic", deploy_classifier(classifier), shared, classes, {}),
    )


def synthetic_ladder(shape: tuple[int, int, int]) -> Ladder:
    """Return a ladder of one point with 17 levels, normally distributed, on all elements."""
    levels = np.arange(-8, 9)
    bell = np.exp(-0.5 * (levels / 2) ** 2)
    row = (bell / bell.sum()).astype(np.float32)
    indexes = np.zeros((1, int(np.prod(shape))), np.uint8)
    table = EntropyTable(row[None], indexes, shares=np.ones(1, np.float32), lowest=-8)
    bits = float(-(row * np.log2(row)).sum() * table.elements)
    return Ladder(shape, [OperatingPoint(1.0, shape[0], table, bits, accuracy=0.0)])


def typical_latents(ladder: Ladder, point: int, count: int) -> NDArray[np.float32]:
    """Return latents [count, C, h, w] whose symbols follow a point's entropy table."""
    chosen = ladder[point]
    random = np.random.default_rng(SEED)
    shares = chosen.table.shares.astype(np.float64)
    components = random.choice(len(shares), count, p=shares / shares.sum())
    reached = chosen.table.rows.cumsum(axis=1)[chosen.table.indexes[components]]
    drawn = random.random((count, chosen.table.elements, 1))
    symbols = (reached < drawn).sum(axis=2).clip(max=chosen.table.levels - 1)
    latents = np.zeros((count, *ladder.shape), np.float32)
    latents[:, : chosen.prefix] = (
        (symbols + chosen.table.lowest).astype(np.float32) * np.float32(chosen.step)
    ).reshape(count, chosen.prefix, *ladder.shape[1:])
    return latents


def camera_frame() -> NDArray[np.uint8]:
    """Return an RGB frame [480, 640, 3] with detail at all scales, as photographs have."""
    random = np.random.default_rng(SEED)
    height, width = FRAME
    frame = np.zeros((height, width, 3), np.float32)
    for scale in (2, 4, 8, 16, 32, 64):
        coarse = random.normal(size=(height // scale + 1, width // scale + 1, 3))
        frame += scale * cv2.resize(coarse.astype(np.float32), (width, height))
    low, high = np.percentile(frame, (1, 99))
    return ((frame - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
