"""Which images a model learns from, and which are kept to choose and to measure by."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.datasets.writing import write_whole

LEAST_IMAGES = 10  # a class; fewer leave nothing to calibrate on
SPLIT_FILE = "validation.txt"


def split(data: LabelledImages, validation: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return indices of training and of validation images, both in order.

    Of every class the same share is kept for validation, but one image at the least for either;
    always the same images of the same data, so that trainings that differ in their seed can be
    compared.

    Raises:
        DataError: fewer than two classes, or classes with fewer than 10 images.
    """
    counts = np.bincount(data.labels, minlength=len(data.classes))
    _check(data.classes, counts)
    random = np.random.default_rng(0)
    held = np.zeros(len(data), bool)
    for label, count in enumerate(counts):
        members = random.permutation(np.flatnonzero(data.labels == label))
        held[members[: min(max(1, round(validation * count)), count - 1)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def write_split(data: LabelledImages, held: NDArray[np.int64], folder: Path) -> None:
    """Write validation.txt, a line for each image: its file, or its index in the .npz.

    Raises:
        DataError: names the file that cannot be written.
    """
    names = [data.files[index] for index in held] if data.files else [str(i) for i in held]
    text = "".join(f"{name}\n" for name in names)
    write_whole(folder / SPLIT_FILE, text.encode(errors="surrogateescape"))  # names are any bytes


def _check(classes: tuple[str, ...], counts: NDArray[np.int64]) -> None:
    if len(classes) < 2:
        raise DataError(f"only one class, {classes[0]!r}; training needs at least two")
    poor = [(name, n) for name, n in zip(classes, counts, strict=True) if n < LEAST_IMAGES]
    if poor:
        named = ", ".join(f"{name!r} has {count}" for name, count in poor[:10])
        more = f" and {len(poor) - 10} more classes" if len(poor) > 10 else ""
        raise DataError(
            f"too few images: {named}{more}; training needs at least {LEAST_IMAGES} of every "
            "class, and some hundreds for a good model"
        )
