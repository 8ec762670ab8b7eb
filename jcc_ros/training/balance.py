"""Classes of unequal size: train as if all were equally frequent."""

import torch
from torch import Tensor

from jcc_ros.datasets.images import LabelledImages


def class_prior(data: LabelledImages) -> Tensor:
    """Return the logarithm of each class's share of the images, [classes].

    Added to the logits in the training loss only, it makes the bare logits those of a classifier
    for equally frequent classes (logit adjustment, Menon et al., arXiv 2007.07314); with classes of
    equal size it changes nothing.
    """
    counts = torch.bincount(torch.from_numpy(data.labels), minlength=len(data.classes))
    return (counts.float() / counts.sum()).log()
