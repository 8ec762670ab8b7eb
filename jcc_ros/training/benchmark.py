"""How long an epoch takes here."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.finetune import Halves, finetune
from jcc_ros.training.run import Run
from jcc_ros.training.split import split


def seconds_per_epoch(
    config: TrainConfig, data: LabelledImages, device: torch.device, bfloat16: bool
) -> float:
    """Return the seconds that one epoch of finetune takes, validation and checkpoint included.

    The latent has the configuration's channels, and no teacher is followed.
    """
    learnt, held = split(data, config.validation)
    learn, validation = data.subset(learnt), data.subset(held)
    schedule = config.finetune.model_copy(update={"epochs": 1})
    config = config.model_copy(update={"finetune": schedule})
    encoder = Encoder(config.encoder)
    classifier = Classifier(config.classifier.shape(config.encoder.channels, len(data.classes)))
    with TemporaryDirectory() as folder:
        run = Run(Path(folder), device, bfloat16)
        started = time.monotonic()
        finetune(Halves(encoder, classifier), learn, validation, config, run)
        return time.monotonic() - started
