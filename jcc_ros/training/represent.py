"""Step 1: an encoder whose latents are compact, discriminative and indifferent to augmentation.

    loss = (Rc - R) / D + weight x distance of two views of the same image

R - Rc is MCR2's rate reduction of unit features with D elements, the latents averaged to 2 x 2
positions. No classifier takes part. Several processes take the rates of their own shares of a
batch.

Fewer views than D are compact by chance, whatever they show, and then the rates teach nothing of
their class. So where a batch cannot hold D views of every class, it holds those of few classes.
"""

import logging
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.augment import augment
from jcc_ros.training.config import Represent, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.loop import Values, chunks, fit, shuffled
from jcc_ros.training.losses import (
    class_coding_rate,
    coding_rate,
    effective_rank,
    pooled,
    view_distance,
)
from jcc_ros.training.run import Run

_log = logging.getLogger(__name__)
_POSITIONS = 2  # rows, and columns, that latents are averaged to
_VIEWS = 1.5  # of a class in a batch, for each of their elements
_COLLAPSED = 2.0  # effective rank: below it all features point nearly the same way
_SAMPLE = 2000  # images that rates and ranks are measured on


class Representation:
    """The objective of step 1."""

    name = section = "represent"

    def __init__(
        self,
        encoder: Encoder,
        train: LabelledImages,
        validation: LabelledImages,
        config: TrainConfig,
        stage: Represent,
        run: Run,
    ) -> None:
        self.module = encoder
        self._labels = torch.from_numpy(train.labels).to(run.device)
        self._classes = len(train.classes)
        self._sample = validation.sample(_SAMPLE, seed=0)
        self._augment, self._stage, self._run = config.augment, stage, run
        elements = stage.channels * _POSITIONS**2
        views = 2 * min(stage.batch, len(train)) // run.processes
        self._together = max(2, int(views / (_VIEWS * elements)))
        if run.first and views < 2 * elements:
            _log.warning(
                "represent.batch %d: a process has %d views of a class at a time, and fewer than "
                "their features' %d elements are compact by chance; use a larger batch or fewer of "
                "represent.channels, now %d",
                *(stage.batch, views // 2, elements, stage.channels),
            )

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        """Return the loss, and to log what it consists of; see Objective."""
        views = torch.cat([augment(images, self._augment), augment(images, self._augment)])
        with self._run.autocast():
            features = pooled(module(views), _POSITIONS)
        labels = self._labels[index].repeat(2)
        spread, within = coding_rate(features), class_coding_rate(features, labels)
        distance = view_distance(*features.chunk(2))
        loss = (within - spread) / features.shape[1] + self._stage.invariance * distance
        values = {"R": spread, "Rc": within, "reduction": spread - within, "invariance": distance}
        return loss, values

    def draw(self, images: int, batches: int, device: torch.device) -> Sequence[Tensor]:
        """Draw batches of so few classes that a process has some 1.5 D views of each (loop.Draw).

        Every image is in one batch. Classes meet other ones several times in an epoch: as soon as
        there is a batch of every group of classes, they are grouped anew.
        """
        groups = self._classes // self._together
        mixed = shuffled(images, batches, device)
        if groups < 2:
            return mixed
        drawn: list[Tensor] = []
        for numbers in torch.arange(batches).tensor_split(math.ceil(batches / groups)):
            together = [mixed[number] for number in numbers]
            share = torch.cat(together)
            # Evenly: a class left alone would have nothing to be told from.
            group = torch.randperm(self._classes).to(device) % len(together)
            by_group = share[group[self._labels[share]].argsort(stable=True)]
            drawn += by_group.split([len(batch) for batch in together])
        # Mixed, lest the encoder forget one group while it learns the next one.
        return [drawn[number] for number in torch.randperm(batches)]

    def validate(self, module: Encoder) -> dict[str, float]:
        """Rate reduction and effective rank of a sample of the validation images.

        Of the reduction, `chance_reduction` is had with any labels, for want of images.
        """
        features = _encoded(module, self._sample, self._run.device)
        labels = torch.from_numpy(self._sample.labels).to(self._run.device)
        any_labels = labels[torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))]
        spread = float(coding_rate(features))
        return {
            "validation_reduction": spread - float(class_coding_rate(features, labels)),
            "chance_reduction": spread - float(class_coding_rate(features, any_labels)),
            "effective_rank": effective_rank(features),
        }


def represent(
    shape: EncoderConfig,
    train: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    stage: Represent,
    run: Run,
) -> Encoder:
    """Return the averaged encoder, in evaluation mode, with the stage's wide latent.

    Args:
        shape: of the encoder, but for its channels.

    Raises:
        RunError: a damaged checkpoint, a loss that is no number, or latents that collapsed into a
            single direction.
    """
    wide = Encoder(shape.model_copy(update={"channels": stage.channels}))
    objective = Representation(wide, train, validation, config, stage, run)
    averaged = fit(objective, train, stage, config.seed, run, objective.draw)
    # Of training images: a rank is at most the number of images, and few may validate.
    rank = effective_rank(_encoded(averaged, train.sample(_SAMPLE, seed=0), run.device))
    if not rank >= _COLLAPSED:  # nor a number, where all features are zero
        raise RunError(
            f"{run.folder}: the latents collapsed: their effective rank is {rank:.2f}; lower "
            f"represent.invariance, now {stage.invariance}, or represent.learning_rate, "
            f"now {stage.learning_rate}, and repeat with --only represent"
        )
    return averaged


@torch.no_grad()
def _encoded(encoder: Encoder, data: LabelledImages, device: torch.device) -> Tensor:
    """Return the unit features [N, D] of all images, on the device that the encoder is on."""
    return torch.cat([pooled(encoder(images), _POSITIONS) for images in chunks(data, device)])
