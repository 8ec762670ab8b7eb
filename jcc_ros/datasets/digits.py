"""scikit-learn's handwritten digits (real scans, 8 x 8) as 32 x 32 RGB images.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998.
"""

from typing import Literal

import cv2
import numpy as np

from jcc_ros.datasets.images import LabelledImages

_SIZE = 32  # pixels
_BRIGHTEST = 16  # of the scans


def digits(part: Literal["train", "test"]) -> LabelledImages:
    """Return the images for training, or the third that is held out: every third of all."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    held_out = np.arange(len(scans.images)) % 3 == 2
    chosen = held_out if part == "test" else ~held_out
    return LabelledImages(
        np.stack([_enlarge(scan) for scan in scans.images[chosen]]),
        scans.target[chosen].astype(np.int64),
        tuple(str(name) for name in scans.target_names),
    )


def _enlarge(scan: np.ndarray) -> np.ndarray:
    grey = np.rint(scan * (255 / _BRIGHTEST)).astype(np.uint8)
    large = cv2.resize(grey, (_SIZE, _SIZE), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
