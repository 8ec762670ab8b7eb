"""Whether a classifier has learnt anything that guessing would not give."""

import logging

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_SURE = 3.0  # standard errors above guessing


def warn_of_guessing(name: str, guesses: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
    """Warn if a guess that knows nothing of the image might be as good.

    All classes count the same, as in training: whichever of K classes is guessed how often, the
    mean of their accuracies is then expected to be 1/K.

    Args:
        name: of the model.
        guesses: of the classifier for the validation images, [N].
        labels: of them, [N]; a class without any does not count.
    """
    counts = np.bincount(labels)
    right = np.bincount(labels[guesses == labels], minlength=len(counts))[counts > 0]
    counts = counts[counts > 0]
    found, chance = np.mean(right / counts), 1 / len(counts)
    # Of the mean of independent accuracies, each of as many images as its class has.
    error = np.sqrt(chance * (1 - chance) * np.sum(1 / counts)) / len(counts)
    if found <= chance + _SURE * error:
        _log.warning(
            "%s: hardly better than guessing: even at the most bits %.1f %% of the %d validation "
            "images are right, all classes counting the same, and guessing gets %.1f %%; train "
            "with more images or more epochs",
            *(name, 100 * found, len(labels), 100 * chance),
        )
