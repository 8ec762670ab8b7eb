"""A teacher: a large network on the host whose judgement of the training images finetune follows.

It sees images, never latents, and no part of it is deployed.
"""

import torch
from torch import Tensor, nn

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import Conv
from jcc_ros.networks.layers import ConvNorm, Residual
from jcc_ros.training.augment import augment
from jcc_ros.training.config import Teach, TrainConfig
from jcc_ros.training.loop import Values, chunks, fit
from jcc_ros.training.run import Run
from jcc_ros.training.supervision import Supervision, accuracy

TEACHER_SECTIONS = ("teach", "augment", "validation")  # of the configuration, that make a teacher
_INPUT = 32  # pixels; larger images are reduced by the stem


class Teacher(nn.Module):
    """Maps images [N, 3, H, W] in 0 .. 1 to logits: a wide residual network (arXiv 1512.03385)."""

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
        return self.head(self.stages(2 * images - 1).amax(dim=(2, 3)))


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
        self._supervision = Supervision(train, stage, run.device)
        self._validation, self._augment, self._run = validation, config.augment, run

    def loss(self, module: nn.Module, images: Tensor, index: Tensor) -> tuple[Tensor, Values]:
        with self._run.autocast():
            logits = module(augment(images, self._augment))
        loss = self._supervision.loss(logits, index)
        return loss, {"train_accuracy": self._supervision.accuracy(logits, index)}

    @torch.no_grad()
    def validate(self, module: Teacher) -> dict[str, float]:
        logits = judge(module, self._validation, self._run)
        return {"validation_accuracy": accuracy(logits, self._validation)}


def teach(
    train: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    stage: Teach,
    run: Run,
) -> Teacher:
    """Train and return the averaged teacher, in evaluation mode."""
    objective = Teaching(train, validation, config, stage, run)
    return fit(objective, train, stage, config.seed, run)


@torch.no_grad()
def judge(teacher: Teacher, data: LabelledImages, run: Run, mirror: bool = False) -> Tensor:
    """Return the teacher's logits [N, classes], on the CPU.

    Args:
        mirror: take the mean of both sides of an image, which is the better teacher where training
            mirrors images.
    """
    logits = []
    for images in chunks(data, run.device):
        sides = [images, images.flip(3)] if mirror else [images]
        with run.autocast():
            logits.append(torch.stack([teacher(side).float() for side in sides]).mean(dim=0).cpu())
    return torch.cat(logits)
