"""A teacher: a large network on the host whose judgement of the training images finetune follows.

It sees images, never latents, and no part of it is deployed.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import Conv
from jcc_ros.networks.layers import ConvNorm, Residual
from jcc_ros.training.augment import augment
from jcc_ros.training.balance import class_prior
from jcc_ros.training.config import Teach, TrainConfig
from jcc_ros.training.loop import Values, chunks, fit, hits
from jcc_ros.training.run import Run

_INPUT = 32  # pixels; larger images are reduced by the stem


class Teacher(nn.Module):
    """A wide residual network (He et al., arXiv 1512.03385): images [N, 3, H, W] to logits."""

    def __init__(self, width: int, classes: int, size: int) -> None:
        super().__init__()
        reduction = max(1, size // _INPUT)
        self.stages = nn.Sequential(
            ConvNorm(Conv(3, width // 2, kernel=reduction + 2, stride=reduction)),
            nn.ReLU(),
            ConvNorm(Conv(width // 2, width, kernel=4, stride=2)),
            nn.ReLU(),
            Residual(width),
            ConvNorm(Conv(width, 2 * width, kernel=4, stride=2)),
            nn.ReLU(),
            Residual(2 * width),
            ConvNorm(Conv(2 * width, 4 * width, kernel=4, stride=2)),
            nn.ReLU(),
            Residual(4 * width),
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.stages(images).amax(dim=(2, 3)))


class Teaching:
    """The objective of the teacher: cross-entropy on augmented images."""

    name = "teach"

    def __init__(
        self,
        train: LabelledImages,
        validation: LabelledImages,
        config: TrainConfig,
        stage: Teach,
        run: Run,
    ) -> None:
        size = max(config.encoder.input.height, config.encoder.input.width)
        self.module = Teacher(stage.width, len(train.classes), size)
        self._labels = torch.from_numpy(train.labels).to(run.device)
        self._prior = class_prior(train).to(run.device)
        self._validation = validation
        self._augment, self._stage, self._run = config.augment, stage, run

    def loss(self, module: nn.Module, images: Tensor, index: Tensor) -> tuple[Tensor, Values]:
        with self._run.autocast():
            logits = module(2 * augment(images, self._augment) - 1)
        target = self._labels[index]
        adjusted = logits.float() + self._prior
        loss = cross_entropy(adjusted, target, label_smoothing=self._stage.label_smoothing)
        return loss, {"train_accuracy": hits(logits, target)}

    @torch.no_grad()
    def validate(self, module: nn.Module) -> dict[str, float]:
        logits = judge(module, self._validation, self._run)
        return {
            "validation_accuracy": float(hits(logits, torch.from_numpy(self._validation.labels)))
        }


def teach(
    train: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    stage: Teach,
    run: Run,
) -> Tensor:
    """Train a teacher and return its logits of the training images, [N, classes].

    Where training mirrors images, the logits are the mean of both sides': a teacher is surer of
    what it saw, and the mean is the better teacher.
    """
    objective = Teaching(train, validation, config, stage, run)
    averaged = fit(objective, train, stage, config.seed, run)
    return judge(averaged, train, run, mirror=config.augment.flip)


@torch.no_grad()
def judge(teacher: nn.Module, data: LabelledImages, run: Run, mirror: bool = False) -> Tensor:
    """Return the teacher's logits [N, classes], on the CPU."""
    logits = []
    for images in chunks(data, run.device):
        sides = [images, images.flip(3)] if mirror else [images]
        with run.autocast():
            logits.append(sum(teacher(2 * side - 1).float() for side in sides).cpu() / len(sides))
    return torch.cat(logits)
