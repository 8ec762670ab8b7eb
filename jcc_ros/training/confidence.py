"""Scores that tell how often they are right: temperature scaling of a trained classifier.

Training for many epochs leaves a classifier surer than it should be, smoothed labels less sure.
Dividing its logits by one number, fitted to images that it did not learn from, mends most of that
and changes no label (Guo et al., arXiv 1706.04599, section 4.2). It is folded into the last layer.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.layers import round_to_int8

_BATCH = 500
_TEMPERATURES = (1.01 ** torch.arange(-231, 232)).tolist()  # 0.1 to 10, one percent apart


def settle(
    classifier: Classifier,
    codec: LatentCodec,
    latents: NDArray[np.float32],
    labels: NDArray[np.int64],
) -> tuple[LatentCodec, float]:
    """Scale a folded classifier in place by the temperature that fits all operating points best.

    Args:
        latents: of the validation images, [N, C, h, w], as the encoder makes them.
        labels: of them, [N].
    Returns:
        The codec, its id unchanged, with the accuracies that the scaled classifier reaches, its
        weights rounded as they travel; and the temperature.
    """
    truth = torch.from_numpy(labels)
    points = range(len(codec.ladder))
    known = [logits_of(classifier, codec.received(latents, point)) for point in points]
    temperature, _ = fit_temperature(torch.stack(known), truth)
    with torch.no_grad():
        classifier.head.weight.div_(temperature)
        classifier.head.bias.div_(temperature)
    round_to_int8(classifier)
    measured = []
    for point, before in zip(points, codec.ladder, strict=True):
        right = logits_of(classifier, codec.received(latents, point)).argmax(dim=1) == truth
        measured.append(replace(before, accuracy=float(right.float().mean())))
    return LatentCodec(Ladder(codec.ladder.shape, measured)), temperature


def fit_temperature(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return what to divide logits by for the least cross-entropy, 0.1 to 10, and that, in nats.

    N images, all of them right, are taken for N + 1 right ones of N + 2, lest scores become 1
    (Platt, Probabilistic Outputs for Support Vector Machines, 1999, section 2.2).

    Args:
        logits: of the same images in several ways, [ways, N, classes].
        labels: [N].
    """
    ways, count, classes = logits.shape
    smoothing = classes / (classes - 1) / (count + 2)  # which torch spreads over all classes
    rows, truth = logits.flatten(0, 1), labels.repeat(ways)
    losses = [
        float(cross_entropy(rows / each, truth, label_smoothing=smoothing))
        for each in _TEMPERATURES
    ]
    best = int(np.argmin(losses))
    return _TEMPERATURES[best], losses[best]


@torch.inference_mode()
def logits_of(classifier: Classifier, latents: NDArray[np.float32]) -> Tensor:
    """Return the logits, [N, classes], on the CPU, of dequantised latents [N, C, h, w]."""
    device = classifier.head.weight.device
    batches = torch.from_numpy(latents).split(_BATCH)
    logits = [
        classifier(batch.to(device, memory_format=torch.channels_last)).cpu() for batch in batches
    ]
    return torch.cat(logits)
