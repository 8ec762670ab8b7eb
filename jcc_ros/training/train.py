"""A whole training: split, the steps that the configuration lists, model files."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.encoder import restore as restore_encoder
from jcc_ros.networks.layers import fold, round_to_half, round_to_int8
from jcc_ros.training import checkpoint
from jcc_ros.training.coding import delivered
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.finetune import Halves, finetune
from jcc_ros.training.loop import check_batches, to_unit
from jcc_ros.training.provenance import provenance, subject
from jcc_ros.training.publish import publish
from jcc_ros.training.record import Record
from jcc_ros.training.represent import represent
from jcc_ros.training.run import Lent, Run
from jcc_ros.training.screen import screen
from jcc_ros.training.split import split, write_split
from jcc_ros.training.start import (
    Deployed,
    check_encoder,
    deployed,
    held_before,
    host_network,
    ordered_like,
)
from jcc_ros.training.teach import lent_teacher, ready_to_judge, teach, untaught

_SAMPLE = 500  # validation images that show a loaded network what it will see


def train(
    config: TrainConfig,
    data: LabelledImages,
    run: Run,
    out: Path,
    resume: bool = False,
    only: str | None = None,
    teacher: Path | None = None,
    start: Path | None = None,
    command: str = "",
) -> None:
    """Train on `data`, step by step; calibrate, the last one, writes the model into `out`.

    Args:
        resume: go on from the run's checkpoints, if there are some; otherwise they are discarded.
        only: one of the configuration's steps, to run on what the steps before it left.
        teacher: folder of another run on the same images, whose teacher is taken over.
        start: folder of the model whose networks finetune begins with, the classifier if it is for
            the same classes and of the same size but for the rank.
        command: that started this, for the model card.
    Raises:
        ConfigError: the configuration asks for another encoder than that of `start`, or for
            batches that are too small for the processes.
        DataError: too few images of a class.
        ModelFileError: a file of `start` is missing or damaged, or they do not belong together.
        RunError: checkpoints of another configuration or of other data; an earlier step that was
            not run; a step that failed.
    """
    others: dict[str, Any] = {}
    begun = deployed(start) if start else None
    if begun:
        # Before anything is trained, or an earlier run forgotten.
        check_encoder(config, begun.robot)
        config = held_before(config, begun, data.sha256)
        others["start"] = begun.robot.codec.model_id
    learnt, held = split(data, config.validation)
    ran = [only] if only else untaught(config.steps, teacher)
    check_batches(config, ran, len(learnt), run)
    told = subject(config, data, **others)
    lent = lent_teacher(teacher, told, config, run, resume or only is not None)
    _begin(config, told, run, resume, only, lent, command)
    if run.first:
        write_split(data, held, run.folder)
    known = ordered_like(data, begun.host if begun else None)
    learn, validation = known.subset(learnt), delivered(known.subset(held), config.augment.codec)
    halves = _networks(config, learn, validation, run, only or config.steps[-1], begun)
    if halves is None or not run.first:
        return
    encoder = round_to_half(fold(halves.encoder))
    classifier = round_to_int8(fold(halves.classifier))
    before = begun.commands if begun else []
    story = provenance(config, data, held, run, command, before)
    publish(encoder, classifier, learn, validation, config, (story, story), run, out)


def _networks(
    config: TrainConfig,
    learn: LabelledImages,
    validation: LabelledImages,
    run: Run,
    last: str,
    start: Deployed | None,
) -> Halves | None:
    """Run the steps up to `last`; return the trained halves if that is calibrate.

    What is already done is read from its checkpoint. Every step is seeded by itself: it makes no
    difference whether the steps before it ran now or earlier.
    """
    torch.manual_seed(config.seed)
    teacher = teach(learn, validation, config, config.teach, run) if config.teach else None
    if last == "teach":
        return None
    shape = config.encoder.model_copy(update=colour_statistics(learn))
    torch.manual_seed(config.seed)
    encoder = Encoder(shape)
    if start:
        # Of all classes: the images of a folder are in the order of their classes.
        sample = to_unit(torch.from_numpy(validation.sample(_SAMPLE, seed=0).images))
        encoder = restore_encoder(start.robot.network, sample)
    if config.represent:
        encoder = represent(shape, learn, validation, config, config.represent, run)
    if last == "represent":
        return None
    if config.screen:
        codec = config.augment.codec
        encoder = screen(encoder, learn, validation, codec, config.screen, run)
    if last == "screen":
        return None
    follow = None
    if teacher and not checkpoint.finished(run, "finetune", config.finetune):
        follow = ready_to_judge(teacher, learn, config, run)
    torch.manual_seed(config.seed)
    size = config.classifier.shape(encoder.config.channels, len(learn.classes))
    classifier = Classifier(size)
    if start:
        with torch.no_grad():
            classifier = host_network(start, size, learn.classes, encoder(sample))
    halves = finetune(encoder, classifier, learn, validation, config, run, follow)
    return None if last == "finetune" else halves


def _begin(
    config: TrainConfig,
    told: dict[str, Any],
    run: Run,
    resume: bool,
    only: str | None,
    teacher: Lent | None,
    command: str,
) -> None:
    # Calibrate keeps nothing: the command that writes the model is the one that ran it.
    ran = {step: command for step in ([only] if only else config.steps) if step != "calibrate"}
    if only is None:
        run.begin(told, resume, ran)
    else:
        _repeat(config, told, run, resume, only, teacher is not None, ran)
    # Behind the comparisons of all processes: a run that is refused keeps its own teacher.
    if teacher:
        run.take("teach", teacher)


def _repeat(
    config: TrainConfig,
    told: dict[str, Any],
    run: Run,
    resume: bool,
    only: str,
    lent: bool,
    commands: dict[str, str],
) -> None:
    position = config.steps.index(only)
    for step in config.steps[:position]:
        if lent and step == "teach":
            continue
        if not checkpoint.finished(run, step, getattr(config, step)):
            raise RunError(
                f"{run.folder}: {only} needs the result of {step}, "
                f"which {_lacking(run, step, told)}"
            )
    again = config.steps[position:]
    # Finetune's classifier has a section of its own.
    others = ["classifier"] if "finetune" in again else []
    run.repeat(told, again, resume, commands, others)


def _lacking(run: Run, step: str, told: dict[str, Any]) -> str:
    """Say why a step that should be finished is not, and what to do."""
    if not run.checkpoint(step).is_file():
        return f"is missing; run --only {step} first, or all steps without --only"
    record = Record.read(run.folder)
    for difference in record.differences(told) if record else ():
        if difference.section == step:
            key = difference.key.removeprefix("configuration.")
            return (
                f"was made with {key} {difference.there}, but now it is {difference.here}; "
                f"change it back, or run --only {step} again first"
            )
    return f"is unfinished; go on with --only {step} --resume first"


def colour_statistics(data: LabelledImages) -> dict[str, tuple[float, ...]]:
    """Mean and standard deviation of each colour over all pixels, in 0 .. 1."""
    counts = np.zeros((3, 256), np.int64)
    for image in data.images:
        for colour in range(3):
            counts[colour] += np.bincount(image[..., colour].ravel(), minlength=256)
    shares, levels = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
    means = shares @ levels
    deviations = np.sqrt((shares * (levels - means[:, None]) ** 2).sum(axis=1))
    return {
        "mean": tuple(round(float(mean), 4) for mean in means),
        # A colour that never changes has nothing to be divided by.
        "std": tuple(round(float(d), 4) if d >= 1e-3 else 1.0 for d in deviations),
    }
