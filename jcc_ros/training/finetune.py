"""Step 3, end to end: encoder, quantiser and classifier, one encoder for all rates.

    loss = cross-entropy(classifier(quantise(prefix(encoder(view))))) + weight step^p bits(prefix)

A bit is worth less where the step is fine: who chose that step has many bits to spend. With one
weight for all steps the fine ones, which cost most, would decide what the encoder learns. With
p = 2 it is what rounding's error of step^2 / 12 asks for where the rate falls by a bit for every
doubling of the step (Sullivan and Wiegand, Rate-distortion optimization for video compression,
IEEE Signal Processing Magazine 15 (6), 1998).

With a teacher, most of the cross-entropy gives way to the divergence from its judgement.

The rate reduction that step 1 maximises may be kept in the loss, as - weight (R - Rc) / D of unit
features with D elements: the latents as they are before the quantiser, averaged over all positions.
So it acts alike on latents of every step and prefix.

The weight may grow from zero: a rate that counts from the start keeps the encoder from ever
learning what would be worth its bits (as in variational autoencoders, Bowman et al., arXiv
1511.06349).

Every image draws its own quantiser step and its own prefix, so that the latent channels come out
ordered by importance (nested dropout, Rippel et al., arXiv 1402.0915) and any step can be used.
"""

import torch
from torch import Tensor, nn

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training.augment import augment
from jcc_ros.training.config import Finetune, TrainConfig
from jcc_ros.training.loop import Values, chunks, fit
from jcc_ros.training.losses import class_coding_rate, coding_rate, pooled
from jcc_ros.training.rate import RateModel, round_to_step
from jcc_ros.training.run import Run
from jcc_ros.training.supervision import Judge, Supervision, accuracy


class Halves(nn.Module):
    """Both networks and the rate model, trained as one."""

    def __init__(
        self, encoder: Encoder, classifier: Classifier, rate_by_class: bool = True
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = classifier
        self._by_class = rate_by_class
        groups = classifier.config.classes if rate_by_class else 1
        self.rate = RateModel(encoder.config.latent_shape, groups)

    def forward(
        self, images: Tensor, step: Tensor, prefix: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [N, classes], bits [N] and the latents [N, C, h, w] before the quantiser.

        Args:
            images: [N, 3, H, W] in 0 .. 1.
            step: quantiser step of each image, [N, 1, 1, 1].
            prefix: channels kept of each image, [N, 1, 1, 1].
            labels: class of each image, [N].
        """
        # Full precision from here on: the rate is a difference of nearly equal numbers.
        latents = self.encoder(images).float()
        channel = torch.arange(latents.shape[1], device=latents.device).view(1, -1, 1, 1)
        sent = channel < prefix
        with torch.autocast(latents.device.type, enabled=False):
            groups = labels if self._by_class else torch.zeros_like(labels)
            bits = (self.rate(latents, step, groups) * sent).sum(dim=(1, 2, 3))
        return self.classifier(round_to_step(latents, step) * sent), bits, latents


class EndToEnd:
    """The objective of step 3."""

    name = section = "finetune"

    def __init__(
        self,
        halves: Halves,
        train: LabelledImages,
        validation: LabelledImages,
        config: TrainConfig,
        run: Run,
        teacher: Judge | None,
    ) -> None:
        self.module = halves
        self._supervision = Supervision(train, config.finetune, run.device, teacher)
        self._validation = validation
        self._augment, self._stage, self._run = config.augment, config.finetune, run
        self._channels = halves.encoder.config.channels

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        """Return the loss, and to log what it consists of; see Objective."""
        step, prefix = _draw(self._stage, len(index), self._channels, self._run.device)
        views, labels = augment(images, self._augment), self._supervision.labels[index]
        with self._run.autocast():
            logits, bits, latents = module(views, step, prefix, labels)
        loss = self._supervision.loss(logits, index, views)
        weight = self._stage.rate_weight * _warmth(progress, self._stage.rate_warm_up)
        rate = (weight * step.flatten() ** self._stage.rate_power * bits).mean()
        values = {
            "bits": bits.mean(),
            "train_accuracy": self._supervision.accuracy(logits, index),
        }
        if self._stage.reduction:
            features = pooled(latents, 1)
            values["reduction"] = coding_rate(features) - class_coding_rate(features, labels)
            loss = loss - self._stage.reduction * values["reduction"] / features.shape[1]
        return loss + rate, values

    @torch.no_grad()
    def validate(self, module: Halves) -> dict[str, float]:
        """Accuracy with whole latents at the geometric mean of the steps."""
        finest, coarsest = self._stage.steps
        step = torch.tensor((finest * coarsest) ** 0.5, device=self._run.device)
        parts = chunks(self._validation, self._run.device)
        logits = torch.cat(
            [module.classifier(round_to_step(module.encoder(images), step)) for images in parts]
        )
        return {"validation_accuracy": accuracy(logits, self._validation)}


def finetune(
    encoder: Encoder,
    classifier: Classifier,
    train: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    run: Run,
    teacher: Judge | None = None,
) -> Halves:
    """Train both networks; return their averages, in evaluation mode.

    Args:
        teacher: to be followed, if there is one.
    Raises:
        RunError: a damaged checkpoint, or a loss that is no number.
    """
    halves = Halves(encoder, classifier, config.finetune.rate_by_class)
    objective = EndToEnd(halves, train, validation, config, run, teacher)
    return fit(objective, train, config.finetune, config.seed, run)


def _warmth(progress: float, warm_up: float) -> float:
    """Return the factor on the rate's weight: from 0 up to 1, where the warm-up ends."""
    return min(1.0, progress / warm_up) if warm_up else 1.0


def _draw(
    stage: Finetune, count: int, channels: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return a quantiser step and a prefix for each of `count` images, both [count, 1, 1, 1]."""
    finest, coarsest = stage.steps
    step = finest * (coarsest / finest) ** torch.rand(count, 1, 1, 1, device=device)
    prefix = torch.randint(1, channels + 1, (count, 1, 1, 1), device=device)
    whole = torch.rand(count, 1, 1, 1, device=device) < stage.full_prefix
    return step, prefix.where(~whole, channels)
