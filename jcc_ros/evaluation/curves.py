"""Rate-accuracy curves beside each other, and how far one is ahead of another."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jcc_ros.datasets.writing import replacing
from jcc_ros.evaluation.plots import STYLE, logarithmic, percentages

_LEAST = 2  # points of a curve


@dataclass(frozen=True)
class Curve:
    """Accuracy at some numbers of bits an image.

    Attributes:
        name: what is shown; curves of one name are the same with other seeds.
        kind: "model", "codec" (measured here), "published", or "label" for a single point where the
            robot sends the label.
        source: how the points came to be.
        points: (bits, accuracy from 0 to 1), by rising bits.
        details: one entry a point for JSON, besides bits and accuracy.
    """

    name: str
    kind: str
    source: str
    points: tuple[tuple[float, float], ...]
    details: tuple[dict[str, Any], ...] = ()


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points with more accuracy than any cheaper one: what a comparison may use."""
    kept: list[tuple[float, float]] = []
    for bits, accuracy in _costly(points):
        if not kept or accuracy > kept[-1][1]:
            if kept and bits == kept[-1][0]:
                kept.pop()
            kept.append((bits, accuracy))
    return kept


def _costly(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points by rising bits, without those of no bits, which have no logarithm."""
    return sorted(point for point in points if point[0] > 0)


def bd_rate(anchor: Curve, test: Curve) -> float | None:
    """Return by how many per cent `test` needs more bits than `anchor` at the same accuracy.

    Bjontegaard's delta (ITU-T VCEG-M33) with piecewise cubic (PCHIP) interpolation, over the
    accuracies that both reach; None if there are none.
    """
    import bjontegaard

    return _delta(bjontegaard.bd_rate, anchor, test)


def bd_accuracy(anchor: Curve, test: Curve) -> float | None:
    """Return by how many points `test` is more accurate than `anchor` at the same bits.

    As `bd_rate`, over the bits that both spend.
    """
    import bjontegaard

    return _delta(bjontegaard.bd_psnr, anchor, test)


def _delta(method: Any, anchor: Curve, test: Curve) -> float | None:
    curves = [np.array(front(curve.points)).T for curve in (anchor, test)]
    if any(curve.size < 2 * _LEAST for curve in curves):
        return None
    (bits, accuracy), (other_bits, other_accuracy) = curves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no overlap is told as NaN as well
        value = method(
            *(bits, 100 * accuracy, other_bits, 100 * other_accuracy),
            method="pchip",
            require_matching_points=False,
            min_overlap=0,
        )
    return None if np.isnan(value) else float(value)


def comparisons(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """Return BD-rate (%) and BD-accuracy (points) of every model against every other curve."""
    return [
        {
            "test": test.name,
            "anchor": anchor.name,
            "bd_rate_percent": bd_rate(anchor, test),
            "bd_accuracy_points": bd_accuracy(anchor, test),
        }
        for test in curves
        if test.kind == "model"
        for anchor in curves
        if anchor is not test
    ]


def affordable(curve: Curve, bits: float) -> tuple[float, float] | None:
    """Return the point that costs most of those that cost at most `bits`; None if there is none.

    Its accuracy has no say, so that what was measured chooses nothing.
    """
    return max((point for point in curve.points if point[0] <= bits), default=None)


def accuracy_at(curve: Curve, bits: float) -> float | None:
    """Return the accuracy at a number of bits; None if every point costs more.

    Between measured points the curve is taken as linear in the logarithm of the bits; whoever may
    spend more than the last one costs does not.
    """
    spent, accuracy = np.array(_costly(curve.points)).T
    return float(np.interp(np.log(bits), np.log(spent), accuracy)) if bits >= spent[0] else None


def bits_for(curve: Curve, accuracy: float) -> float | None:
    """Return the bits at which a curve reaches an accuracy: infinitely many if it never does.

    Between its measured points it is taken as linear in the logarithm of the bits; None if all of
    them are better.
    """
    bits, reached = np.array(front(curve.points)).T
    if accuracy < reached[0]:
        return None
    return float(np.exp(np.interp(accuracy, reached, np.log(bits), right=np.inf)))


def matched(model: Curve, baseline: Curve) -> list[dict[str, Any]]:
    """Return both accuracies at the model's bits; None where the baseline has no such bits.

    Between its measured points the baseline is taken as linear in the logarithm of the bits.
    """
    points = _costly(model.points)
    bits, accuracy = np.array(_costly(baseline.points)).T
    found = np.interp(
        np.log([b for b, _ in points]), np.log(bits), accuracy, left=np.nan, right=np.nan
    )
    return [
        {
            "bits": b,
            "accuracy": a,
            "baseline_accuracy": None if np.isnan(other) else float(other),
        }
        for (b, a), other in zip(points, found, strict=True)
    ]


def as_json(curves: Sequence[Curve], images: int) -> dict[str, Any]:
    """Return curves, comparisons and accuracies at matched bits."""
    return {
        "images": images,
        "curves": [
            {
                "name": curve.name,
                "kind": curve.kind,
                "source": curve.source,
                "points": [
                    {"bits": bits, "accuracy": accuracy, **more}
                    for (bits, accuracy), more in zip(
                        curve.points, curve.details or [{}] * len(curve.points), strict=True
                    )
                ],
            }
            for curve in curves
        ],
        "comparisons": comparisons(curves),
        "at_matched_bits": [
            {"model": model.name, "baseline": other.name, "points": matched(model, other)}
            for model in curves
            if model.kind == "model"
            for other in curves
            if other.kind == "codec"
        ],
    }


def draw(curves: Sequence[Curve], title: str, file: Path) -> None:
    """Write a picture of all curves; the suffix of `file` says which format.

    Curves of one name share a colour and an entry of the legend.

    Raises:
        DataError: names the file that cannot be written.
    """
    styles = {"model": "o-", "codec": "s--", "published": "^:", "label": "*"}
    names = list(dict.fromkeys(curve.name for curve in curves))
    with picture(file, title, "accuracy") as axes:
        percentages(axes)
        for position, curve in enumerate(curves):
            colour = f"C{names.index(curve.name)}"
            known = any(curve.name == other.name for other in curves[:position])
            label = None if known else curve.name
            bits, accuracy = zip(*curve.points, strict=True)
            axes.plot(bits, accuracy, styles[curve.kind], color=colour, label=label)
            if curve.kind == "label":
                axes.axhline(accuracy[0], color=colour, linestyle="-.", linewidth=0.8)


@contextmanager
def picture(file: Path, title: str, ylabel: str) -> Iterator[Axes]:
    """Yield axes over the bits per image, and write what was drawn with a legend below them.

    Raises:
        DataError: names the file that cannot be written.
    """
    with rc_context({**STYLE, "svg.hashsalt": "curve"}):
        figure = Figure(figsize=(7.2, 5.6), layout="constrained")
        axes = figure.add_subplot()
        yield axes
        logarithmic(axes)
        axes.set(xlabel="bits per image", ylabel=ylabel, title=title)
        # Below the axes: many curves leave no corner free.
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=2)
        # The same curves make the same file on any day.
        metadata = {"Date": None} if file.suffix == ".svg" else None
        with replacing(file) as partial:
            figure.savefig(partial, dpi=160, metadata=metadata)
