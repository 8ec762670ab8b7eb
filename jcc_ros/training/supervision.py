"""What logits are trained towards: labels, and a teacher's judgement where there is one."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import Finetune, Teach

Judge = Callable[[Tensor, Tensor], Tensor]
"""A teacher's logits [N, classes] of views [N, 3, H, W] of the training images `index` [N]."""


class Supervision:
    """The loss of logits on training images.

    Classes of unequal size are trained as if all were equally frequent: the logarithm of each
    class's share of the images is added to the logits in the loss only, which makes the bare logits
    those of a classifier for equally frequent classes (logit adjustment, Menon et al., arXiv
    2007.07314). With classes of equal size it changes nothing.

    Args:
        train: the images.
        stage: says how labels are smoothed, and how much of the loss follows the teacher.
        device: where the logits are.
        teacher: what Finetune follows, if there is one.
    Attributes:
        labels: of the images, [N], where the logits are.
    """

    def __init__(
        self,
        train: LabelledImages,
        stage: Teach | Finetune,
        device: torch.device,
        teacher: Judge | None = None,
    ) -> None:
        self.labels = torch.from_numpy(train.labels).to(device)
        self._log_prior = log_prior(train).to(device)
        self._teacher, self._stage = teacher, stage

    def loss(self, logits: Tensor, index: Tensor, views: Tensor) -> Tensor:
        """Return the mean loss in nats of logits [N, classes].

        Args:
            index: of the training images, [N].
            views: of them, that the logits were made from, [N, 3, H, W].
        """
        logits = logits.float()
        loss = cross_entropy(
            logits + self._log_prior,
            self.labels[index],
            label_smoothing=self._stage.label_smoothing,
        )
        if self._teacher is None or isinstance(self._stage, Teach):
            return loss
        share = self._stage.teacher
        followed = divergence(logits, self._teacher(views, index), self._stage.temperature)
        return (1 - share) * loss + share * followed

    def accuracy(self, logits: Tensor, index: Tensor) -> Tensor:
        """Return the share of logits [N, classes] whose largest is the label's."""
        return (logits.argmax(dim=1) == self.labels[index]).float().mean()


def log_prior(data: LabelledImages) -> Tensor:
    """Return the logarithm of each class's share of the images, [classes]."""
    counts = torch.bincount(torch.from_numpy(data.labels), minlength=len(data.classes))
    return (counts.float() / counts.sum()).log()


def divergence(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the Kullback-Leibler divergence from a teacher's logits, both softened, in nats.

    Times the squared temperature, so that its gradient is as large as the cross-entropy's (Hinton
    et al., arXiv 1503.02531).
    """
    return temperature**2 * kl_div(
        log_softmax(logits / temperature, dim=1),
        log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )


def accuracy(logits: Tensor, data: LabelledImages) -> float:
    """Return the share of logits [N, classes], of all images in order, that are right."""
    return float((logits.argmax(dim=1).cpu() == torch.from_numpy(data.labels)).float().mean())
