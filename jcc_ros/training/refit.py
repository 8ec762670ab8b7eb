"""A new classifier for an encoder that is deployed and stays as it is.

    loss = cross-entropy(classifier(dequantise(quantise(deployed encoder(view)))))

The classifier that the host has so far is where it begins, if it tells the same classes with a
network of the same shape, or the same but for the rank. A smaller one follows what the larger one
says of the latents before they were quantised, unless there is a teacher of images. The codec is
the robot's: every image draws one of the ladder's operating points and is quantised as that point's
table allows, so the classifier learns from what robots really send.
"""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.datasets.writing import replacing_together
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier, deploy
from jcc_ros.networks.classifier import frozen as frozen_classifier
from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier
from jcc_ros.networks.encoder import frozen as frozen_encoder
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.layers import fold, round_to_int8
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE
from jcc_ros.training import checkpoint
from jcc_ros.training.augment import augment
from jcc_ros.training.card import write_card
from jcc_ros.training.coding import delivered
from jcc_ros.training.confidence import best_guesses, logits_of, settle
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.guessing import warn_of_guessing
from jcc_ros.training.loop import Values, check_batches, fit
from jcc_ros.training.provenance import provenance, subject
from jcc_ros.training.run import Run
from jcc_ros.training.split import split, write_split
from jcc_ros.training.start import (
    Deployed,
    check_encoder,
    deployed,
    held_before,
    host_network,
    leads_to,
    ordered_like,
)
from jcc_ros.training.story import read_story
from jcc_ros.training.supervision import Judge, Supervision, accuracy
from jcc_ros.training.teach import lent_teacher, ready_to_judge, teach, untaught


def refit(
    config: TrainConfig,
    folder: Path,
    data: LabelledImages,
    run: Run,
    out: Path,
    resume: bool = False,
    teacher: Path | None = None,
    command: str = "",
) -> None:
    """Train a classifier for the encoder in `folder`; write both halves into `out`.

    The schedule is that of the configuration's finetune; a teacher is followed if there is one.

    Args:
        folder: of the deployed model; its encoder is copied unchanged. Its classifier may be
            missing.
        resume: go on from the run's checkpoints, if there are some; otherwise they are discarded.
        teacher: folder of another run on the same images, whose teacher is taken over.
        command: that started this, for the model card.
    Raises:
        ConfigError: the configuration asks for another encoder, or for batches that are too small
            for the processes.
        DataError: too few images of a class.
        ModelFileError: the encoder's file is missing, one is damaged, or they do not belong
            together.
        RunError: checkpoints of another configuration, encoder or data; a loss that is no number.
    """
    model = deployed(folder)
    robot = model.robot
    check_encoder(config, robot)
    config = held_before(config, model, data.sha256)
    learnt, held = split(data, config.validation)
    # What the page says of the encoder's own steps is not done here.
    done = config.model_copy(update={"represent": None, "screen": None})
    check_batches(done, untaught(done.steps, teacher), len(learnt), run)
    told = subject(config, data, encoder=robot.codec.model_id, host=_digest(folder))
    lent = lent_teacher(teacher, told, config, run, resume)
    run.begin(told, resume)
    if lent:
        run.take("teach", lent)
    if run.first:
        write_split(data, held, run.folder)
    known = ordered_like(data, model.host)
    learn, validation = known.subset(learnt), delivered(known.subset(held), config.augment.codec)
    torch.manual_seed(config.seed)
    follow = None
    if config.teach:
        taught = teach(learn, validation, config, config.teach, run)
        if not checkpoint.finished(run, Refit.name, config.finetune):
            follow = ready_to_judge(taught, learn, config, run)
    torch.manual_seed(config.seed)
    objective = Refit(model, learn, validation, config, run, follow)
    classifier = fit(objective, learn, config.finetune, config.seed, run)
    if not run.first:
        return
    classifier = round_to_int8(fold(classifier))
    codec = settle(classifier, robot.codec, objective.latents, validation.labels)
    guesses = best_guesses(classifier, codec, objective.latents)
    warn_of_guessing(config.name, guesses, validation.labels)
    run.log.rewind("measure")
    for index, point in enumerate(codec.ladder):
        run.log.add("measure", point=index, validation_accuracy=round(point.accuracy, 4))
    before = _earlier(objective.ancestor, folder)
    story = provenance(done, data, held, run, command, before)
    host = ClassifierModel(config.name, deploy(classifier), codec, known.classes, story)
    encoder, there = folder / ENCODER_FILE, out / ENCODER_FILE
    with replacing_together(out) as partial:
        if not (there.exists() and there.samefile(encoder)):
            shutil.copyfile(encoder, partial / ENCODER_FILE)
        save_classifier(host, partial)
        write_card(robot, host, partial)
    run.finish()


def _digest(folder: Path) -> str | None:
    """Return the SHA-256 of the host's half, which the new one may begin with or follow."""
    file = folder / CLASSIFIER_FILE
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _earlier(ancestor: ClassifierModel | None, folder: Path) -> list[str]:
    """Return the commands that made the classifier that the new one comes from."""
    if ancestor is None:
        return []
    return read_story(ancestor.provenance, folder / CLASSIFIER_FILE).all_commands


class Refit:
    """The objective: a classifier of what a deployed encoder sends.

    Attributes:
        latents: of the validation images, [N, C, h, w], from the network that the robot runs.
        ancestor: the host's classifier so far, if the new one begins with it or follows it.
    """

    name, section = "refit", "finetune"

    def __init__(
        self,
        model: Deployed,
        train: LabelledImages,
        validation: LabelledImages,
        config: TrainConfig,
        run: Run,
        teacher: Judge | None,
    ) -> None:
        robot, host = model.robot, model.host
        quiet = None if run.first else True
        shown = tqdm(validation.images, "encode", unit="image", leave=False, disable=quiet)
        self.latents = np.stack([robot.latent(image) for image in shown])
        self._transmission = Transmission(robot).to(run.device)
        self._transmission.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._validation, self._augment, self._run = validation, config.augment, run
        middle = len(robot.codec.ladder) // 2
        self._received = robot.codec.received(self.latents, middle)
        shape = config.classifier.shape(robot.codec.ladder.shape[0], len(train.classes))
        received = torch.from_numpy(self._received)
        self.module = host_network(model, shape, train.classes, received)
        predecessor = None if teacher else self._predecessor(host, train.classes, shape)
        begun = host is not None and leads_to(host, shape, train.classes)
        self.ancestor = host if begun or predecessor else None
        follow = teacher or predecessor
        self._supervision = Supervision(train, config.finetune, run.device, follow)

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        """Return the loss, and to log the share that is right; see Objective."""
        point = torch.randint(self._transmission.points, (len(index),), device=self._run.device)
        views = augment(images, self._augment)
        received = self._transmission(views, point)
        with self._run.autocast():
            logits = module(received)
        loss = self._supervision.loss(logits, index, views)
        return loss, {"train_accuracy": self._supervision.accuracy(logits, index)}

    def _predecessor(
        self, host: ClassifierModel | None, classes: tuple[str, ...], shape: ClassifierConfig
    ) -> Judge | None:
        """Return what the host's classifier says, if that is larger and tells the same classes."""
        if host is None or host.classes != classes:
            return None
        if host.network.config.parameters <= shape.parameters:
            return None
        larger = frozen_classifier(host.network)
        larger.to(self._run.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        @torch.no_grad()
        def judge(views: Tensor, index: Tensor) -> Tensor:
            with self._run.autocast():
                return larger(self._transmission.encoder(views)).float()

        return judge

    def validate(self, module: Classifier) -> dict[str, float]:
        """Accuracy at the middle of the ladder."""
        logits = logits_of(module, self._received)
        return {"validation_accuracy": accuracy(logits, self._validation)}


class Transmission(nn.Module):
    """A deployed encoder with its codec but for the bits: images to the latents that arrive."""

    step: Tensor
    prefix: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self, robot: EncoderModel) -> None:
        super().__init__()
        self.encoder = frozen_encoder(robot.network)
        ladder = robot.codec.ladder
        self.points = len(ladder)
        columns = {
            "step": [point.step for point in ladder],
            "prefix": [point.prefix for point in ladder],
            "lowest": [point.table.lowest for point in ladder],
            "highest": [point.table.lowest + point.table.levels - 1 for point in ladder],
        }
        for name, values in columns.items():
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1, 1))

    @torch.no_grad()
    def forward(self, images: Tensor, point: Tensor) -> Tensor:
        """Return latents [N, C, h, w] of images [N, 3, H, W] sent at operating points [N]."""
        latents = self.encoder(images)
        step, channel = self.step[point], torch.arange(latents.shape[1], device=latents.device)
        symbols = torch.round(latents / step)
        symbols = torch.minimum(torch.maximum(symbols, self.lowest[point]), self.highest[point])
        return symbols * step * (channel.view(1, -1, 1, 1) < self.prefix[point])
