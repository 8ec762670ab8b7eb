"""Scores that tell how often they are right: temperature scaling of a trained classifier.

Training for many epochs leaves a classifier surer than it should be, smoothed labels less sure, and
the fewer bits it gets, the surer it is in vain. Dividing its logits by one number for each
operating point, fitted to images that it did not learn from, mends most of that and changes no
label (Guo et al., arXiv 1706.04599, section 4.2).
"""

from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.classifier import Classifier

_BATCH = 500
_TEMPERATURES = (1.01 ** torch.arange(-231, 232)).tolist()  # 0.1 to 10, one percent apart


@dataclass(frozen=True)
class Confidence:
    """What a classifier makes of latents that it did not learn from.

    Attributes:
        accuracy: share of its labels that are right, 0 to 1.
        temperature: what to divide its logits by for the least cross-entropy, 0.1 to 10.
        loss: that cross-entropy, in nats.
    """

    accuracy: float
    temperature: float
    loss: float


def settle(
    classifier: Classifier,
    codec: LatentCodec,
    latents: NDArray[np.float32],
    labels: NDArray[np.int64],
) -> LatentCodec:
    """Return the codec, its id unchanged, with accuracies and temperatures of another classifier.

    Args:
        latents: of the validation images, [N, C, h, w], as the encoder makes them.
        labels: of them, [N].
    """
    measured = []
    for index, before in enumerate(codec.ladder):
        found = confidence(classifier, codec.received(latents, index), labels)
        measured.append(replace(before, accuracy=found.accuracy, temperature=found.temperature))
    return LatentCodec(Ladder(codec.ladder.shape, measured))


def confidence(
    classifier: Classifier, received: NDArray[np.float32], labels: NDArray[np.int64]
) -> Confidence:
    """Measure a classifier on dequantised latents [N, C, h, w] with labels [N]."""
    logits, truth = logits_of(classifier, received), torch.from_numpy(labels)
    accuracy = float((logits.argmax(dim=1) == truth).float().mean())
    return Confidence(accuracy, *fit_temperature(logits, truth))


def fit_temperature(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return what to divide logits by for the least cross-entropy, 0.1 to 10, and that, in nats.

    N images, all of them right, are taken for N + 1 right ones of N + 2, lest scores become 1
    (Platt, Probabilistic Outputs for Support Vector Machines, 1999, section 2.2).

    Args:
        logits: [N, classes].
        labels: [N].
    """
    count, classes = logits.shape
    smoothing = classes / (classes - 1) / (count + 2)  # which torch spreads over all classes

    def loss(place: int) -> float:
        scaled = logits.double() / _TEMPERATURES[place]
        return float(cross_entropy(scaled, labels, label_smoothing=smoothing))

    # It is convex in one over the temperature: it falls until the best and rises from there.
    places = range(len(_TEMPERATURES) - 1)
    best = bisect_left(places, True, key=lambda place: loss(place + 1) >= loss(place))
    return _TEMPERATURES[best], loss(best)


def best_guesses(
    classifier: Classifier, codec: LatentCodec, latents: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the labels [N] a classifier gives latents [N, C, h, w] sent at the most bits."""
    dearest = codec.received(latents, len(codec.ladder) - 1)
    return logits_of(classifier, dearest).argmax(dim=1).numpy()


@torch.inference_mode()
def logits_of(classifier: Classifier, latents: NDArray[np.float32]) -> Tensor:
    """Return the logits, [N, classes], on the CPU, of dequantised latents [N, C, h, w]."""
    device = classifier.head.weight.device
    batches = torch.from_numpy(latents).split(_BATCH)
    logits = [
        classifier(batch.to(device, memory_format=torch.channels_last)).cpu() for batch in batches
    ]
    return torch.cat(logits)
