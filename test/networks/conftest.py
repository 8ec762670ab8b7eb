"""A small model, its weights and tables random, and the files that it is saved in."""

from pathlib import Path

import numpy as np
import pytest
import torch
from trained import as_trained

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.classifier import deploy as deploy_classifier
from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier
from jcc_ros.networks.encoder import Encoder, deploy
from jcc_ros.networks.encoder_model import EncoderModel, save_encoder
from jcc_ros.networks.preprocess import Preprocess


@pytest.fixture(scope="session")
def halves() -> tuple[EncoderModel, ClassifierModel]:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    size = Preprocess(height=16, width=24)
    encoder = as_trained(Encoder(EncoderConfig(input=size, channels=3, widths=(4, 5))))
    classifier = as_trained(Classifier(ClassifierConfig(channels=3, classes=4, width=6, blocks=1)))
    channels, height, width = encoder.config.latent_shape
    points = []
    for prefix in range(1, channels + 1):
        rows = 0.99 * rng.dirichlet(np.ones(6), size=50) + 0.01 / 6
        indexes = rng.integers(0, 50, (2, prefix * height * width), np.uint8)
        table = EntropyTable(rows.astype(np.float32), indexes, np.float32([0.25, 0.75]), -3)
        measured = 9.3 * prefix, 0.7, 0.5 + prefix / 4  # bits, accuracy, temperature
        points.append(OperatingPoint(float(np.float32(0.3)), prefix, table, *measured))
    codec = LatentCodec(Ladder((channels, height, width), points))
    provenance = {"seed": 0, "data": "random", "losses": [1.5, 0.7]}
    return (
        EncoderModel("tiny", deploy(encoder), codec, provenance),
        ClassifierModel(
            "tiny", deploy_classifier(classifier), codec, ("a", "b", "c", "ü"), provenance
        ),
    )


@pytest.fixture
def folder(halves: tuple[EncoderModel, ClassifierModel], tmp_path: Path) -> Path:
    """A model folder that the test may damage."""
    save_encoder(halves[0], tmp_path / "tiny")
    save_classifier(halves[1], tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)
