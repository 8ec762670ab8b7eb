"""A whole training: split, the steps that the configuration lists, model files."""

import copy
import hashlib
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.networks.classifier import Classifier, ClassifierConfig
from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier
from jcc_ros.networks.encoder import Encoder, deploy
from jcc_ros.networks.encoder_model import EncoderModel, save_encoder
from jcc_ros.networks.layers import fold, round_to_half
from jcc_ros.training import checkpoint
from jcc_ros.training.calibrate import calibrate
from jcc_ros.training.config import STEPS, Schedule, TrainConfig
from jcc_ros.training.finetune import Halves, finetune
from jcc_ros.training.represent import represent
from jcc_ros.training.run import Run, RunError
from jcc_ros.training.screen import screen
from jcc_ros.training.teach import teach

_LEAST_IMAGES = 10  # a class; fewer leave nothing to calibrate on


def train(
    config: TrainConfig,
    data: LabelledImages,
    run: Run,
    out: Path,
    resume: bool = False,
    only: str | None = None,
) -> None:
    """Train on `data`, step by step; calibrate, the last one, writes both model files into `out`.

    Args:
        resume: go on from the run's checkpoints, if there are some; otherwise they are discarded.
        only: one of the configuration's steps, to run on what the steps before it left.
    Raises:
        DataError: too few images of a class.
        RunError: checkpoints of another configuration or of other data; an earlier step that was
            not run; a step that failed.
    """
    learn, validation = split(data, config.validation, config.seed)
    _begin(config, _subject(config, data), run, resume, only)
    last = only or config.steps[-1]
    torch.manual_seed(config.seed)
    # From here on what is already done is read from its checkpoint.
    teacher = None
    if config.teach:
        teacher = teach(learn, validation, config, config.teach, run)
    if last == "teach":
        return
    encoder = Encoder(config.encoder.model_copy(update=_colour_statistics(learn)))
    if config.represent and config.screen:
        encoder = represent(encoder, learn, validation, config, config.represent, run)
        if last == "represent":
            return
        encoder = screen(encoder, learn, validation, config.screen, run)
        if last == "screen":
            return
    classifier = Classifier(
        ClassifierConfig(
            channels=encoder.config.channels,
            classes=len(data.classes),
            width=config.classifier.width,
            blocks=config.classifier.blocks,
        )
    )
    halves = finetune(Halves(encoder, classifier), learn, validation, config, run, teacher)
    if last == "finetune" or not run.first:
        return
    encoder, classifier = (
        round_to_half(fold(copy.deepcopy(half))) for half in (halves.encoder, halves.classifier)
    )
    codec = LatentCodec(calibrate(encoder, classifier, learn, validation, config.calibrate))
    run.rewind_log("calibrate")
    for index, point in enumerate(codec.ladder):
        run.log(
            stage="calibrate",
            point=index,
            step=round(point.step, 4),
            prefix=point.prefix,
            bits=round(point.bits, 1),
            validation_accuracy=round(point.accuracy, 4),
        )
    provenance = {
        "configuration": config.model_dump(mode="json"),
        "images": {"train": len(learn), "validation": len(validation)},
        "software": {"torch": torch.__version__, "python": platform.python_version()},
        "precision": "bfloat16" if run.bfloat16 else "float32",
    }
    save_encoder(EncoderModel(config.name, deploy(encoder), codec, provenance), out)
    save_classifier(ClassifierModel(config.name, classifier, codec, data.classes, provenance), out)
    run.finish()


def _begin(
    config: TrainConfig, subject: dict[str, Any], run: Run, resume: bool, only: str | None
) -> None:
    if only is None:
        run.begin(subject, resume)
        return
    earlier = config.steps[: config.steps.index(only)]
    for step in earlier:
        schedule = getattr(config, step)
        if (
            isinstance(schedule, Schedule)
            and checkpoint.epochs(run.checkpoint(step)) < schedule.epochs
        ):
            raise RunError(f"{run.folder}: {step} comes before {only} and is not finished; run it")
    run.repeat(subject, [step for step in STEPS if step not in earlier], keep=resume)


def _subject(config: TrainConfig, data: LabelledImages) -> dict[str, Any]:
    """Return what the trained weights depend on; calibration comes later and may change."""
    digest = hashlib.sha256(np.ascontiguousarray(data.images))
    digest.update(np.ascontiguousarray(data.labels))
    return {
        "configuration": config.model_dump(mode="json", exclude={"calibrate"}),
        "data": {"classes": list(data.classes), "sha256": digest.hexdigest()},
    }


def split(
    data: LabelledImages, validation: float, seed: int
) -> tuple[LabelledImages, LabelledImages]:
    """Return (training, validation) images, the classes in the same proportions in both.

    Raises:
        DataError: a class with fewer than 10 images.
    """
    counts = np.bincount(data.labels, minlength=len(data.classes))
    if counts.min() < _LEAST_IMAGES:
        poorest = data.classes[int(counts.argmin())]
        raise DataError(
            f"class {poorest!r} has {counts.min()} images, training needs {_LEAST_IMAGES} or more"
        )
    random = np.random.default_rng(seed)
    held = [
        random.permutation(np.flatnonzero(data.labels == label))[: _share(validation, count)]
        for label, count in enumerate(counts)
    ]
    is_held = np.zeros(len(data), bool)
    is_held[np.concatenate(held)] = True
    return data.subset(np.flatnonzero(~is_held)), data.subset(np.flatnonzero(is_held))


def _share(fraction: float, count: int) -> int:
    return max(1, round(fraction * count))


def _colour_statistics(data: LabelledImages) -> dict[str, tuple[float, ...]]:
    """Mean and standard deviation of each colour over all pixels, in 0 .. 1."""
    levels = np.arange(256) / 255
    mean, std = [], []
    for colour in range(3):
        values = data.images[..., colour].ravel()
        share = np.bincount(values, minlength=256) / values.size
        average = float(share @ levels)
        mean.append(round(average, 4))
        std.append(round(float(np.sqrt(share @ (levels - average) ** 2)), 4) or 1.0)
    return {"mean": tuple(mean), "std": tuple(std)}
