"""Measurements as text and JSON, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jcc_ros.datasets.writing import replacing

if TYPE_CHECKING:
    from jcc_ros.evaluation.evaluate import PointResult

# By their headings the widths, with two spaces between them a terminal's 80 at the most.
_COLUMNS = {
    **{"point": 5, "step": 6, "prefix": 6, "bits": 6, "5 %": 6, "95 %": 6, "ideal": 6},
    **{"accuracy": 8, "interval": 14},
}


def header() -> str:
    """Return the heading of the table that `row` continues line by line."""
    return _line(tuple(_COLUMNS))


def row(result: PointResult) -> str:
    """Return the line of one operating point."""
    low, high = result.accuracy_95
    return _line(
        (
            str(result.point),
            f"{result.step:.3f}",
            str(result.prefix),
            f"{result.bits_mean:.1f}",
            f"{result.bits_p05:.0f}",
            f"{result.bits_p95:.0f}",
            f"{result.ideal_bits_mean:.1f}",
            f"{result.accuracy:.2%}",
            f"{low:.1%} - {high:.1%}",
        )
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned text table, the first column to the left, the others to the right."""
    lines = [columns, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for line in lines
    )


def save_json(value: Any, file: Path) -> None:
    """Write a value, the folder made if need be; numbers that JSON does not know become null.

    Raises:
        DataError: names the file that cannot be written.
    """
    with replacing(file) as partial:
        partial.write_text(json.dumps(_known(value), indent=2) + "\n")


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _line(cells: Sequence[str]) -> str:
    widths = _COLUMNS.values()
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
