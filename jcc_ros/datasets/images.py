"""Labelled images of one size, in memory."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Resize = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

MAX_NAME = 200
"""Characters of a class's name."""


class DataError(ValueError):
    """Data that cannot be used; the message names the file and the way out."""


def is_class_name(name: str) -> bool:
    """Whether a class may be called so: it is logged, published and written into model files."""
    return name.isprintable() and 1 <= len(name) <= MAX_NAME


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return names in words, at most `most` of them."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def counted(count: int, noun: str) -> str:
    """Return how many there are of something, in words: `1 class`, `2 classes`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{ending}"


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size with their classes.

    Attributes:
        images: uint8 RGB [N, H, W, 3].
        labels: int64 [N], indices into `classes`.
        classes: their names, all different, of 1 to 200 printable characters.
        files: where each image comes from; empty if not from files of their own.
    Raises:
        DataError: shapes, types, labels or names that do not fit together.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, labels, names = self.images, self.labels, self.classes
        for name, times in Counter(names).items():
            if not is_class_name(name):
                raise DataError(
                    f"class {name[:MAX_NAME]!r}: a name needs 1 to {MAX_NAME} printable characters"
                )
            if times > 1:
                raise DataError(f"class {name!r} appears more than once")
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise DataError(
                f"images: expected uint8 [N, H, W, 3], got {images.dtype} {list(images.shape)}"
            )
        if labels.shape != (len(images),):
            raise DataError(f"labels: expected shape [{len(images)}], got {list(labels.shape)}")
        if images.size == 0:
            raise DataError("no images")
        if labels.min() < 0 or labels.max() >= len(self.classes):
            raise DataError(
                f"labels {labels.min()} to {labels.max()} do not fit {len(self.classes)} classes, "
                "which are counted from 0"
            )
        if self.files and len(self.files) != len(images):
            raise DataError(f"files: expected {len(images)}, got {len(self.files)}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 over pixels and labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def subset(self, indices: NDArray[np.int64]) -> "LabelledImages":
        """Return the images at `indices`, in that order."""
        files = tuple(self.files[index] for index in indices) if self.files else ()
        return replace(self, images=self.images[indices], labels=self.labels[indices], files=files)

    def sample(self, count: int, seed: int) -> "LabelledImages":
        """Return at most `count` images, drawn by `seed`, in their order here."""
        order = np.random.default_rng(seed).permutation(len(self))
        return self.subset(np.sort(order[:count]))

    def without_empty_classes(self) -> "LabelledImages":
        """Return the same images, with those classes alone that have some."""
        shown, labels = np.unique(self.labels, return_inverse=True)
        return replace(self, labels=labels, classes=tuple(self.classes[label] for label in shown))

    def matched(self, classes: tuple[str, ...]) -> "LabelledImages":
        """Return the images with labels that are indices into a model's classes, by their names.

        Some of the classes may have no images, and unknown ones without images do not matter.

        Raises:
            DataError: names that are not among `classes`.
        """
        known = {name: position for position, name in enumerate(classes)}
        shown = {self.classes[label] for label in np.unique(self.labels)}
        unknown = [name for name in self.classes if name in shown and name not in known]
        if unknown:
            missing = [name for name in classes if name not in self.classes]
            raise DataError(
                f"the model does not know the classes {listed(unknown)} of the data"
                + (f"; classes that only the model knows: {listed(missing)}" if missing else "")
            )
        positions = np.array([known.get(name, -1) for name in self.classes], np.int64)
        return replace(self, labels=positions[self.labels], classes=classes)

    def resized(self, resize: Resize) -> "LabelledImages":
        """Return all images at the size to which `resize` brings RGB [H, W, 3]."""
        first = resize(self.images[0])
        resized = np.empty((len(self), *first.shape), np.uint8)
        for place, image in zip(resized, self.images, strict=True):
            place[:] = resize(image)
        return replace(self, images=resized)
