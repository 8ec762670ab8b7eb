"""Whether a classifier has learnt anything that guessing would not give."""

import logging

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_SURE = 3.0  # standard errors above guessing


def warn_of_guessing(name: str, accuracy: float, labels: NDArray[np.int64]) -> None:
    """Warn if always telling the most frequent class might be as good.

    Args:
        name: of the model.
        accuracy: on the validation images.
        labels: of the validation images.
    """
    share = np.bincount(labels).max() / len(labels)
    if accuracy <= share + _SURE * np.sqrt(share * (1 - share) / len(labels)):
        _log.warning(
            "%s: hardly better than guessing: at best %.1f %% of the %d validation images are "
            "right, and the most frequent class has %.1f %% of them; train with more images or "
            "more epochs",
            *(name, 100 * accuracy, len(labels), 100 * share),
        )
