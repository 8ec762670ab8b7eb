"""Labelled images of one size, in memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Resize = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class DataError(ValueError):
    """Data that cannot be used; the message names the file and the way out."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size with their classes.

    Attributes:
        images: uint8 RGB [N, H, W, 3].
        labels: int64 [N], indices into `classes`.
        classes: names.
    Raises:
        DataError: shapes, types or labels that do not fit together.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise DataError(
                f"images: expected uint8 [N, H, W, 3], got {images.dtype} {list(images.shape)}"
            )
        if labels.shape != (len(images),):
            raise DataError(f"labels: expected {len(images)}, got {list(labels.shape)}")
        if images.size == 0:
            raise DataError("no images")
        if labels.min() < 0 or labels.max() >= len(self.classes):
            raise DataError(
                f"labels {labels.min()} .. {labels.max()} for {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: NDArray[np.int64]) -> "LabelledImages":
        """Return the images at `indices`, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices], self.classes)

    def sample(self, count: int, seed: int) -> "LabelledImages":
        """Return at most `count` images, drawn by `seed`, in their order here."""
        order = np.random.default_rng(seed).permutation(len(self))
        return self.subset(np.sort(order[:count]))

    def resized(self, resize: Resize) -> "LabelledImages":
        """Return all images at the size to which `resize` brings RGB [H, W, 3]."""
        resized = np.stack([resize(image) for image in self.images])
        return LabelledImages(resized, self.labels, self.classes)
