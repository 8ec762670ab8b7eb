"""What frames really show: from a table, a topic of the bag, or the name of a folder."""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.frames import Frame

# Stamps of less than three years are no dates: they count from the start of the bag, unless the
# frames themselves are stamped so, as in a simulation.
_EPOCH = 10**17  # ns
_HEADER = {"stamp", "time", "start", "from", "label", "class"}


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


@dataclass(frozen=True)
class _Row:
    start: int
    end: int
    label: str


class TableTruth:
    """Labels from a CSV file: `stamp,label` or `start,end,label`, in ns or s.

    A stamp labels the frames within one unit of its last digit to which no other row is nearer. A
    span holds from its start until just before its end. Times below 1e8 s count from the start of
    the bag, unless the frames' own stamps are so small.

    Args:
        rows: by rising start.
        spans: the rows are spans.
        origin: start of the bag, ns.
    """

    def __init__(self, rows: Sequence[_Row], spans: bool, origin: int) -> None:
        self._rows = rows
        self._spans = spans
        self._starts = [row.start for row in rows]
        self._small = all(row.end < _EPOCH for row in rows)
        self._origin = origin

    @property
    def labels(self) -> set[str]:
        """All labels of the table."""
        return {row.label for row in self._rows}

    def of(self, frame: Frame) -> str | None:
        """Return the label of the row that the frame falls into."""
        # A driver that stamps nothing leaves 0 in every frame.
        stamp = self._counted(frame.stamp or frame.first_recorded)
        if self._spans:
            index = bisect_right(self._starts, stamp) - 1
            found = index >= 0 and stamp < self._rows[index].end
            return self._rows[index].label if found else None
        # `end` of a stamp is as far as its digits allow; so is its distance to either side.
        index = bisect_left(self._starts, stamp)
        near = self._rows[max(0, index - 1) : index + 1]
        best = min(near, key=lambda row: abs(row.start - stamp), default=None)
        agrees = best is not None and abs(best.start - stamp) <= best.end - best.start
        return best.label if best is not None and agrees else None

    def missed(self, first: int, last: int) -> str:
        """Return in words how the table's times and those of frames lie, which have no label.

        Args:
            first, last: of the frames' stamps, ns.
        """
        start, end = self._rows[0].start, max(row.end for row in self._rows)
        first, last = self._counted(first), self._counted(last)
        return (
            f"its times go from {start / 1e9:.3f} to {end / 1e9:.3f} s, "
            f"the frames' stamps from {first / 1e9:.3f} to {last / 1e9:.3f} s"
        )

    def _counted(self, stamp: int) -> int:
        """Return a stamp, ns, as the table counts: maybe from the start of the bag."""
        return stamp - self._origin if self._small and stamp >= _EPOCH else stamp


def read_table(file: Path, origin: int) -> TableTruth:
    """Read labels from a CSV file, with or without a line of headings.

    Args:
        origin: start of the bag, ns.
    Raises:
        DataError: names the file and the line.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            lines = [
                (number, [cell.strip() for cell in line])
                for number, line in enumerate(csv.reader(text), 1)
                if any(cell.strip() for cell in line) and not line[0].lstrip().startswith("#")
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: {error}") from error
    if lines and {cell.lower() for cell in lines[0][1]} & _HEADER and not _is_time(lines[0][1][0]):
        lines = lines[1:]
    if not lines:
        raise DataError(f"{file}: no labels")
    width = len(lines[0][1])
    if width not in (2, 3):
        raise DataError(f"{file}: {width} columns, expected stamp,label or start,end,label")
    rows = []
    for number, cells in lines:
        if len(cells) != width:
            raise DataError(f"{file}:{number}: {len(cells)} columns, expected {width}")
        try:
            times = [_nanoseconds(cell) for cell in cells[:-1]]
        except ArithmeticError:
            raise DataError(f"{file}:{number}: {cells[:-1]} is no time in s or ns") from None
        if not cells[-1] or not cells[-1].isprintable():
            raise DataError(f"{file}:{number}: {cells[-1]!r} is no label")
        start, unit = times[0]
        end = times[1][0] if width == 3 else start + unit
        if width == 3 and end <= start:
            raise DataError(f"{file}:{number}: the span ends before it starts")
        rows.append(_Row(start, end, cells[-1]))
    rows.sort(key=lambda row: row.start)
    if width == 3:
        return TableTruth(_apart(rows, file), True, origin)
    for row, after in pairwise(rows):
        if row.start == after.start and row.label != after.label:
            raise DataError(f"{file}: {row.label!r} and {after.label!r} at {row.start} ns")
    return TableTruth(rows, False, origin)


def _apart(spans: Sequence[_Row], file: Path) -> list[_Row]:
    """Return spans, by rising start, with those of one label made one where they overlap.

    Raises:
        DataError: spans of different labels overlap.
    """
    apart: list[_Row] = []
    for span in spans:
        before = apart[-1] if apart else None
        if before is None or span.start >= before.end:
            apart.append(span)
        elif span.label == before.label:
            apart[-1] = _Row(before.start, max(before.end, span.end), span.label)
        else:
            raise DataError(
                f"{file}: the spans of {before.label!r} and {span.label!r} overlap at "
                f"{span.start / 1e9:.3f} s"
            )
    return apart


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
    raise DataError(f"{bag}: no folder around it is named as a class ({', '.join(classes[:20])})")


def _is_time(cell: str) -> bool:
    try:
        return Decimal(cell).is_finite()
    except InvalidOperation:
        return False


def _nanoseconds(cell: str) -> tuple[int, int]:
    """Return a time and the unit of its last digit, both ns; whole numbers from 1e15 on are ns."""
    value = Decimal(cell)
    if not value.is_finite():
        raise InvalidOperation
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent >= 0 and abs(value) >= 10**15:
        return int(value), 0
    return int((value * 10**9).to_integral_value()), 10 ** max(0, 9 + min(exponent, 0))
