"""A teacher: a large network on the host whose judgement of the training images finetune follows.

It sees images, never latents, and no part of it is deployed.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, unfold
from tqdm import tqdm

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import Conv
from jcc_ros.networks.layers import ConvNorm
from jcc_ros.training.augment import augment
from jcc_ros.training.checkpoint import finished
from jcc_ros.training.config import Teach, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.loop import Values, chunks, fit, to_unit
from jcc_ros.training.run import Lent, Run
from jcc_ros.training.supervision import Judge, Supervision, accuracy

# Of the configuration, that must be the same where a teacher is taken over. Not what it has seen of
# an image: pupils of one teacher may be augmented in other ways.
_SECTIONS = ("teach", "validation")
_INPUT = 32  # pixels; larger images are reduced by the first layer
_DIRECTIONS = 12  # principal ones of a patch; all of them where nothing is reduced
_WHITENED = 500  # images that the directions are taken from
_NOISE = 5e-4  # variance of what is not worth amplifying, of values in 0 .. 1
_LOGIT_SCALE = 1 / 9  # keeps the learning rate that suits the convolutions from being too high


class Teacher(nn.Module):
    """Maps images [N, 3, H, W] in 0 .. 1 to the logits of each network [networks, N, classes].

    After Jordan (arXiv 2404.00498): a first layer that whitens and is not trained, and convolutions
    that begin as identities, learn in a few epochs what takes a residual network many.

    Args:
        width: channels of the first stage; the other two have four times as many.
        images: of the training set, to take the whitening from.
        networks: how many learn side by side, which differ by what they begin with.
    """

    whitening: Tensor

    def __init__(self, width: int, classes: int, images: Tensor, networks: int = 1) -> None:
        super().__init__()
        size = images.shape[2:]
        self.stride = _stride(*size)
        self.register_buffer("whitening", _whitening(images, self.stride))
        widths = len(self.whitening), width, 4 * width, 4 * width
        small = min(reduced(*size)) < 2**3  # three halvings would leave less than a pixel
        self.networks = nn.ModuleList(_Network(widths, classes, small) for _ in range(networks))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [networks, N, classes] of images [N, 3, H, W] in 0 .. 1."""
        white = gelu(conv2d(images - 0.5, self.whitening, stride=self.stride))
        return torch.stack([network(white) for network in self.networks])

    def judge(self, images: Tensor) -> Tensor:
        """Return the logits of all networks together [N, classes]: their mean."""
        return self(images).float().mean(dim=0)


class _Network(nn.Module):
    def __init__(self, widths: tuple[int, ...], classes: int, small: bool) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(_stage(*pair, small) for pair in pairwise(widths)))
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, white: Tensor) -> Tensor:
        return _LOGIT_SCALE * self.head(self.stages(white).amax(dim=(2, 3)))


def _stage(before: int, after: int, small: bool) -> nn.Sequential:
    """Two convolutions; the first leaves half of the rows and columns."""
    reducing, keeping = ConvNorm(Conv(before, after)), ConvNorm(Conv(after, after))
    for layer in reducing, keeping:
        nn.init.dirac_(layer.conv.weight.data[: layer.conv.in_channels])
    pool = nn.MaxPool2d(2, ceil_mode=small)
    return nn.Sequential(reducing.conv, pool, reducing.norm, nn.GELU(), keeping, nn.GELU())


def reduced(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns that a teacher's first layer leaves of an image."""
    stride = _stride(height, width)
    return (height - 1) // stride, (width - 1) // stride


def _stride(height: int, width: int) -> int:
    # A patch is a pixel wider than the stride, and no wider than the image.
    return max(1, min(max(height, width) // _INPUT, min(height, width) - 1))


def _whitening(images: Tensor, stride: int) -> Tensor:
    """Return filters [2F, 3, stride + 1, stride + 1]; F of their outputs are white.

    They are the principal directions of the images' patches, and their negatives: the activation
    would drop what is on the other side.
    """
    kernel = stride + 1
    patches = unfold(images - 0.5, kernel, stride=stride).mT.flatten(0, 1)
    variance, directions = torch.linalg.eigh(patches.mT.double().cov())
    leading = directions / (variance.clamp_min(0) + _NOISE).sqrt()
    filters = leading.mT[-_DIRECTIONS:].view(-1, 3, kernel, kernel).float()
    return torch.cat([filters, -filters])


class Teaching:
    """The objective of the teacher: cross-entropy on augmented images.

    Of several networks it is the sum, so that each learns as it would alone.
    """

    name = section = "teach"

    def __init__(
        self,
        train: LabelledImages,
        validation: LabelledImages,
        config: TrainConfig,
        stage: Teach,
        run: Run,
    ) -> None:
        some = to_unit(torch.from_numpy(train.sample(_WHITENED, seed=0).images))
        self.module = Teacher(stage.width, len(train.classes), some, stage.networks)
        self._supervision = Supervision(train, stage, run.device)
        self._validation, self._augment, self._run = validation, config.augment, run

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        """Return the loss, and to log the share that is right by all networks; see Objective."""
        views = augment(images, self._augment)
        with self._run.autocast():
            logits = module(views)
        losses = [self._supervision.loss(each, index, views) for each in logits]
        right = self._supervision.accuracy(logits.mean(dim=0), index)
        return torch.stack(losses).sum(), {"train_accuracy": right}

    @torch.no_grad()
    def validate(self, module: Teacher) -> dict[str, float]:
        """Accuracy of all networks together."""
        logits = judge(module, self._validation, self._run)
        return {"validation_accuracy": accuracy(logits, self._validation)}


def teach(
    train: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    stage: Teach,
    run: Run,
) -> Teacher:
    """Train and return the averaged teacher, in evaluation mode.

    Raises:
        RunError: a damaged checkpoint, or a loss that is no number.
    """
    objective = Teaching(train, validation, config, stage, run)
    return fit(objective, train, stage, config.seed, run)


def untaught(steps: Sequence[str], lender: Path | None) -> list[str]:
    """Return the steps without teach, if the teacher is that of another run."""
    return [step for step in steps if not (lender and step == Teaching.name)]


def lent_teacher(
    lender: Path | None, subject: dict[str, Any], config: TrainConfig, run: Run, kept: bool
) -> Lent | None:
    """Return another run's teacher; None where none is asked for or needed.

    To be called before the run begins, which may be the lender itself.

    Args:
        lender: folder of the other run.
        subject: of this run.
        kept: what this run has left so far stays; a finished teacher of its own, too.
    Raises:
        RunError: the lender has no teacher, an unfinished one, or one of other images or settings;
            or another one than this run keeps.
    """
    if not lender:
        return None
    other = replace(run, folder=lender)
    if kept and finished(run, Teaching.name, config.teach):
        _check_same(run, other)
        return None
    lent = other.lend(Teaching.name, subject, _SECTIONS)
    if not finished(other, Teaching.name, config.teach):
        raise RunError(
            f"{lender}: its teacher has not finished training; finish it there with --resume"
        )
    return lent


def _check_same(run: Run, lender: Run) -> None:
    """Make sure that the finished teacher of a run is the one that another run would lend."""
    own, there = (each.checkpoint(Teaching.name) for each in (run, lender))
    if not (there.is_file() and there.read_bytes() == own.read_bytes()):
        raise RunError(
            f"{run.folder}: has a finished teacher already, and it is not that of "
            f"{lender.folder}; leave out --teacher to keep it, or start afresh with --restart "
            "instead of --resume or --only"
        )


def ready_to_judge(teacher: Teacher, data: LabelledImages, config: TrainConfig, run: Run) -> Judge:
    """Return what the teacher says of views of the images, as finetune asks for it.

    Of the images themselves it says it here and now: the mean of both sides, which is the better
    teacher where training mirrors them.
    """
    if config.finetune.teacher_sees == "views":
        return partial(_judge_views, teacher, run)
    logits = judge(teacher, data, run, mirror=config.augment.flip).to(run.device)
    return lambda views, index: logits[index]


@torch.no_grad()
def _judge_views(teacher: Teacher, run: Run, views: Tensor, index: Tensor) -> Tensor:
    with run.autocast():
        return teacher.judge(views)


@torch.no_grad()
def judge(teacher: Teacher, data: LabelledImages, run: Run, mirror: bool = False) -> Tensor:
    """Return the teacher's logits [N, classes], on the CPU.

    Args:
        mirror: take the mean of both sides of an image.
    """
    logits = []
    quiet = None if run.first else True
    with tqdm(total=len(data), desc="judge", unit="image", leave=False, disable=quiet) as bar:
        for images in chunks(data, run.device):
            sides = [images, images.flip(3)] if mirror else [images]
            with run.autocast():
                judged = torch.stack([teacher.judge(side) for side in sides]).mean(dim=0)
            logits.append(judged.cpu())
            bar.update(len(images))
    return torch.cat(logits)
