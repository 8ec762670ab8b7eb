"""frames.csv: one row a frame."""

import csv
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from jcc_ros.datasets.writing import replacing
from jcc_ros.evaluation.frames import Frame, Outcome
from jcc_ros.evaluation.result_files import FRAMES_FILE
from jcc_ros.evaluation.text import name_of

_FRAME = ("bag", "topic", "stamp_ns", "image_ns", "latent_ns", "label_ns", "truth")
_WAY = ("point", "payload_bits", "wire_bits", "label", "score", "sent_ns", "dropped")


class Rows:
    """Writes frames as they are completed.

    Args:
        file: open for writing, without translation of line ends.
        bag: named in every row.
        ways: names of the ways of sending; each has its own columns.
    """

    def __init__(self, file: TextIO, bag: Path, ways: Sequence[str]) -> None:
        self._bag, self._ways = name_of(bag), ways
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([*_FRAME, *(f"{way}_{part}" for way in ways for part in _WAY)])

    def write(self, frame: Frame) -> None:
        """Write the row of one frame; what is not known is empty."""
        cells: list[Any] = [self._bag, frame.topic, frame.stamp]
        cells += [frame.image_time, frame.latent_time, frame.label_time, frame.truth]
        for way in self._ways:
            outcome = frame.outcomes.get(way) or Outcome()
            verdict = outcome.verdict
            score = None if verdict.score is None else f"{verdict.score:.6f}"
            cells += [outcome.point, outcome.payload_bits, outcome.wire_bits]
            cells += [verdict.label, score, outcome.sent, outcome.dropped]
        self._writer.writerow(cells)


@contextmanager
def open_rows(out: Path, bag: Path, ways: Sequence[str]) -> Iterator[Rows]:
    """Let frames.csv be written into a folder; it is there when all of it is written.

    Raises:
        DataError: names the file that cannot be written.
    """
    with (
        replacing(out / FRAMES_FILE) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        yield Rows(file, bag, ways)


def join(parts: Sequence[Path], out: Path) -> None:
    """Put several files into one frames.csv; they may have different columns.

    Raises:
        DataError: names the file that cannot be written.
    """
    headings: list[str] = []
    for part in parts:
        with part.open(newline="", encoding="utf-8") as file:
            headings += [name for name in next(csv.reader(file)) if name not in headings]
    with (
        replacing(out / FRAMES_FILE) as partial,
        partial.open("w", newline="", encoding="utf-8") as joined,
    ):
        writer = csv.DictWriter(joined, headings, restval="", lineterminator="\n")
        writer.writeheader()
        for part in parts:
            with part.open(newline="", encoding="utf-8") as file:
                if next(csv.reader(file)) == headings:
                    shutil.copyfileobj(file, joined)
                    continue
                file.seek(0)
                writer.writerows(csv.DictReader(file))
