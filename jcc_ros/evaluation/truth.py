"""What frames really show: from a topic of the bag, or the name of a folder."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.frames import Frame


class Truth(Protocol):
    """Knows what frames show."""

    def of(self, frame: Frame) -> str | None:
        """Return the class name of a frame, None if it is not known."""


@dataclass(frozen=True)
class FolderTruth:
    """One label for all frames: the name of the bag's folder."""

    label: str

    def of(self, frame: Frame) -> str | None:
        """Return the folder's name."""
        return self.label


class TopicTruth:
    """Labels that were recorded: of single frames, or from one message to the next."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._labels: list[str] = []

    def hold(self, time: int, label: str) -> None:
        """Note that `label` holds from `time` on, ns."""
        if not self._labels or self._labels[-1] != label:
            self._times.append(time)
            self._labels.append(label)

    def of(self, frame: Frame) -> str | None:
        """Return the frame's own label, else the one that held at its stamp."""
        if frame.recorded_truth is not None:
            return frame.recorded_truth or None
        index = bisect_right(self._times, frame.time) - 1
        return (self._labels[index] or None) if index >= 0 else None


def folder_truth(bag: Path, classes: Sequence[str]) -> FolderTruth:
    """Return the class that names the bag, or the nearest of three folders around it.

    Raises:
        DataError: none of them is a class.
    """
    place = bag.resolve()
    names = [place.stem if place.is_file() else place.name]
    names += [parent.name for parent in place.parents][:3]
    for name in names:
        if name in classes:
            return FolderTruth(name)
    raise DataError(
        f"{bag}: no folder around it is named after a class ({', '.join(classes[:20])})"
    )
