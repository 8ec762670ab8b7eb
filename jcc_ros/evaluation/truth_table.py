"""What frames really show by a table: stamps or spans of time with labels, in a CSV file."""

import csv
import io
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from jcc_ros.datasets.images import MAX_NAME, DataError, counted, is_class_name
from jcc_ros.datasets.text import read_text
from jcc_ros.evaluation.frames import Frame

# Stamps of less than three years are no dates: they count from the start of the bag, unless the
# frames themselves are stamped so, as in a simulation.
_EPOCH = 10**17  # ns
# What is recorded first was stamped before the bag starts, by the time that it was on its way.
_ON_ITS_WAY = 10**9  # ns
_STAMPS, _SPANS = ("stamp", "label"), ("start", "end", "label")
# What the columns may be called.
_NAMES = {name: name for name in (*_STAMPS, *_SPANS)}
_NAMES |= {"time": "stamp", "from": "start", "to": "end", "class": "label"}
_EXPECTED = "expected stamp,label or start,end,label"


@dataclass(frozen=True)
class _Row:
    start: int
    end: int
    label: str


class TableTruth:
    """Labels from a CSV file: `stamp,label` or `start,end,label`, in ns or s.

    A stamp labels the frames within one unit of its last digit to which no other row is nearer. A
    span holds from its start until just before its end. Times below 1e8 s count from the start of
    the bag, unless the frames' own stamps are so small; a span from 0 holds for what was stamped up
    to a second earlier, too.

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
            if self._small and -_ON_ITS_WAY <= stamp < 0:
                stamp = 0
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
    """Read labels from a CSV file; a line of headings allows any order of the columns.

    Args:
        origin: start of the bag, ns.
    Raises:
        DataError: names the file and the line.
    """
    lines = _lines(file)
    if not lines:
        raise DataError(f"{file}: no labels")
    place, first = lines[0]
    rows = []
    try:
        _check_separator(first)
        columns = _columns(first)
        for number, cells in lines[1:] if _is_heading(first) else lines:
            place = number
            rows.append(_row(cells, columns))
    except ValueError as error:
        raise DataError(f"{file}:{place}: {error}") from None
    if not rows:
        raise DataError(f"{file}: no labels")
    rows.sort(key=lambda row: row.start)
    if len(columns) == len(_SPANS):
        return TableTruth(_apart(rows, file), True, origin)
    for row, after in pairwise(rows):
        if row.start == after.start and row.label != after.label:
            raise DataError(
                f"{file}: two labels, {row.label!r} and {after.label!r}, at {row.start} ns"
            )
    return TableTruth(rows, False, origin)


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    """Return number and cells of the lines that hold something, without comments.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        text = io.StringIO(read_text(file), newline="")
        return [
            (number, [cell.strip() for cell in line])
            for number, line in enumerate(csv.reader(text), 1)
            if any(cell.strip() for cell in line) and not line[0].lstrip().startswith("#")
        ]
    except (OSError, csv.Error) as error:
        raise DataError(f"{file}: {error}") from error


def _check_separator(cells: Sequence[str]) -> None:
    """Refuse a line whose columns are not separated by commas.

    Raises:
        ValueError: says what separates them.
    """
    before_label = cells[:-1] or cells  # a label may have a semicolon in it
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if any(mark in cell for cell in before_label):
            raise ValueError(f"the columns are separated by {name}: use commas, {_EXPECTED}")


def _is_heading(cells: Sequence[str]) -> bool:
    return any(cell.lower() in _NAMES for cell in cells) and not _is_time(cells[0])


def _columns(first: Sequence[str]) -> list[int]:
    """Return where the times and the label of a row are, in this order.

    Args:
        first: cells of the first line.
    Raises:
        ValueError: says what is wrong with the columns.
    """
    if not _is_heading(first):
        if len(first) not in (len(_STAMPS), len(_SPANS)):
            raise ValueError(f"{counted(len(first), 'column')}, {_EXPECTED}")
        return list(range(len(first)))
    places: dict[str, int] = {}
    for place, cell in enumerate(first):
        name = _NAMES.get(cell.lower())
        if name is None:
            raise ValueError(f"unknown column {cell!r}, {_EXPECTED}, in any order")
        if name in places:
            raise ValueError(f"{first[places[name]]!r} and {cell!r} are the same column")
        places[name] = place
    wanted = _SPANS if {"start", "end"} & places.keys() else _STAMPS
    if missing := [name for name in wanted if name not in places]:
        raise ValueError(f"no column {' and no '.join(missing)}, {_EXPECTED}, in any order")
    if len(places) > len(wanted):
        raise ValueError(f"both a stamp and a span, {_EXPECTED}")
    return [places[name] for name in wanted]


def _row(cells: Sequence[str], columns: Sequence[int]) -> _Row:
    """Return what the cells of a line say.

    Args:
        columns: where the times and the label are.
    Raises:
        ValueError: says what is wrong with them.
    """
    if len(cells) != len(columns):
        raise ValueError(f"{counted(len(cells), 'column')}, expected {len(columns)}")
    *texts, label = (cells[column] for column in columns)
    try:
        times = [_nanoseconds(text) for text in texts]
    except ArithmeticError:
        heading = ",".join(_STAMPS if len(texts) == 1 else _SPANS)
        raise ValueError(
            f"{','.join(texts)!r} is not a time in s or ns; expected {heading}"
        ) from None
    if not is_class_name(label):
        raise ValueError(f"label {label!r}: expected 1 to {MAX_NAME} printable characters")
    start, unit = times[0]
    if len(times) == 1:
        return _Row(start, start + unit, label)
    end, _ = times[1]
    if end <= start:
        raise ValueError("the span does not end after it starts")
    return _Row(start, end, label)


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
