"""How long an epoch takes here."""

import math
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.finetune import finetune
from jcc_ros.training.log import Log
from jcc_ros.training.run import Run
from jcc_ros.training.split import split

_BATCHES = 40  # that are timed, of an epoch that has more


def seconds_per_epoch(
    config: TrainConfig, data: LabelledImages, device: torch.device, bfloat16: bool
) -> float:
    """Return the seconds that one epoch of finetune takes, validation and checkpoint included.

    Measured on some batches after as many to warm up, and scaled to all images. The latent has the
    configuration's channels, and no teacher is followed.

    Raises:
        DataError: too few images of a class.
    """
    learnt, held = split(data, config.validation)
    share = min(1.0, _BATCHES * config.finetune.batch / len(data))
    learn = _some(data.subset(learnt), share)
    share = len(learn) / len(learnt)
    validation = _some(data.subset(held), share)
    schedule = config.finetune.model_copy(update={"epochs": 2})
    config = config.model_copy(update={"finetune": schedule})
    encoder = Encoder(config.encoder)
    classifier = Classifier(config.classifier.shape(config.encoder.channels, len(data.classes)))
    with TemporaryDirectory() as folder:
        run = Run(Path(folder), device, bfloat16)
        run.log = watch = _Watch(run.folder)
        finetune(encoder, classifier, learn, validation, config, run)
    first, second = watch.ended
    return (second - first) / share


class _Watch(Log):
    """A log that knows when its lines were shown, s of time.monotonic."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ended: list[float] = []

    def show(self, stage: str, **values: object) -> None:
        super().show(stage, **values)
        self.ended.append(time.monotonic())


def _some(data: LabelledImages, share: float) -> LabelledImages:
    """Return a share of the images, with one of every class: the loss weighs classes by them."""
    drawn = np.random.default_rng(0).permutation(len(data))[: math.ceil(share * len(data))]
    _, first = np.unique(data.labels, return_index=True)
    return data.subset(np.union1d(drawn, first))
