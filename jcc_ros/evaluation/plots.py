"""The pictures of a report, as matplotlib figures of a phone's width."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from jcc_ros.datasets.writing import replacing
from jcc_ros.evaluation.describe import way_name
from jcc_ros.evaluation.plan import Way
from jcc_ros.evaluation.reliability import BINS
from jcc_ros.evaluation.shares import interval
from jcc_ros.evaluation.statistics import Second, Topic, Track
from jcc_ros.evaluation.summary import bitrate, main_track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from jcc_ros.evaluation.result import BagResult

_SIZE = (4.9, 3.5)  # inches: nine points stay readable on a phone
_CROWDED = 1e3  # on a logarithmic axis over more than this only powers of ten are named
_MOST_BINS = 240  # of time
_MOST_NAMED = 25  # classes with names and numbers in the confusion matrix
_LATENCIES = {
    "stamp_to_latent": "image stamp to latent",
    "latent_to_label": "latent to label",
    "stamp_to_label": "image stamp to label",
}
STYLE: dict[Any, Any] = {  # newer versions of matplotlib list the keys by name
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a94a0",
    "axes.labelcolor": "#333c46",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": "cycler('color', "
    "['#1764ab', '#d9541e', '#2a9d62', '#8e4bb8', '#c49a00', '#0f9fa8', '#c2356f', '#6b7480'])",
    "grid.color": "#e6e9ed",
    "xtick.color": "#555f6a",
    "ytick.color": "#555f6a",
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",  # text that can be searched, in the reader's own font
    "font.sans-serif": ["DejaVu Sans", "Arial", "sans-serif"],
    "text.parse_math": False,  # a class may be called $5
}


@dataclass(frozen=True)
class Plot:
    """A figure with its name in files and what it shows, in words."""

    name: str
    title: str
    caption: str
    figure: Figure

    def save(self, folder: Path) -> None:
        """Write NAME.png and NAME.svg.

        Raises:
            DataError: names the file that cannot be written.
        """
        # The salt keeps the ids of several pictures in one page apart, and equal from run to run.
        with rc_context({**STYLE, "svg.hashsalt": self.name}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # the .svg has them all the same
            with replacing(folder / f"{self.name}.svg") as file:
                self.figure.savefig(file, metadata={"Date": None})
            self.figure.set_layout_engine("none")  # stays as it is now: finding it takes its time
            with replacing(folder / f"{self.name}.png") as file:
                self.figure.savefig(file, dpi=160)


def draw_all(result: BagResult) -> list[Plot]:
    """Return the pictures that the result has numbers for."""
    makers = (
        *(rate_accuracy, bits_accuracy, bitrate_over_time, points_over_time),
        *(confusion, reliability, latencies),
    )
    with rc_context(STYLE):
        return [plot for make in makers if (plot := make(result)) is not None]


def rate_accuracy(result: BagResult) -> Plot | None:
    """Accuracy against bit rate."""
    figure, axes = _blank()
    kinds = ("point", "bitrate", "recorded", "again")
    drawn = [
        _accuracies(axes, result, topic, kinds, partial(_kilobits, topic))
        for topic in result.topics.values()
    ]
    if not any(drawn):
        return None
    logarithmic(axes)
    percentages(axes)
    axes.set(xlabel="bit rate at the IP layer, kbit/s", ylabel="accuracy of labelled frames")
    _legend_above(axes)
    return Plot(
        "rate_accuracy",
        "Accuracy against bit rate",
        "The bit rate includes all headers down to IP. Bars are 95 % confidence intervals.",
        figure,
    )


def bits_accuracy(result: BagResult) -> Plot | None:
    """Accuracy against payload bits, with what calibration promised."""
    figure, axes = _blank()
    drawn = [
        _accuracies(
            axes, result, topic, ("point", "recorded", "again"), lambda t: t.payload_bits.mean or 0
        )
        for topic in result.topics.values()
    ]
    if result.ladder:
        bits, accuracy = ([vars(p)[key] for p in result.ladder] for key in ("bits", "accuracy"))
        axes.plot(
            bits, accuracy, ".--", color="#8a94a0", label="expected from calibration", zorder=1
        )
        drawn.append(True)
    if not any(drawn):
        return None
    logarithmic(axes)
    percentages(axes)
    axes.set(xlabel="payload bits per image", ylabel="accuracy")
    _legend_above(axes)
    return Plot(
        "bits_accuracy",
        "Accuracy against payload",
        "What the entropy coder wrote, without headers. Bars are 95 % confidence intervals.",
        figure,
    )


def bitrate_over_time(result: BagResult) -> Plot | None:
    """Bits sent in every second, all topics together, against the target."""
    series = _series(result, ("recorded", "bitrate"), lambda second: second.bits / 1000)
    if not series:
        return None
    figure, axes = _blank()
    for index, (way, times, values) in enumerate(series):
        colour = f"C{index}"
        axes.plot(times, values, color=colour, label=way_name(way))
        if way.kind == "bitrate":
            axes.axhline((way.setting or 0) / 1000, color=colour, linestyle="--", linewidth=0.9)
    reports = sorted(result.reports.by_second.items())
    encoders = sorted({encoder for (encoder, _), (target, _) in reports if target})
    for encoder, colour in zip(encoders, cycle(("#222222", "#777777")), strict=False):
        targets = [(second, r[0]) for (name, second), r in reports if name == encoder]
        told = "the encoder" if len(encoders) == 1 else encoder.removesuffix("/status")
        axes.step(
            [second for second, _ in targets],
            [target / 1000 or math.nan for _, target in targets],
            where="post",
            color=colour,
            linestyle="--",
            linewidth=1,
            label=f"target of {told}",
        )
    axes.set(xlabel="time in the bag, s", ylabel="kbit/s", ylim=(0, None))
    _legend_above(axes)
    return Plot(
        "bitrate_over_time",
        "Bit rate over time",
        "At the IP layer, all topics together; dashed lines are the targets.",
        figure,
    )


def latencies(result: BagResult) -> Plot | None:
    """How long frames took, on a logarithmic axis."""
    found: dict[str, Counter[float]] = {}
    for topic in result.topics.values():
        for name, label in _LATENCIES.items():
            if name in topic.latencies:
                found.setdefault(label, Counter()).update(topic.latencies[name].counts)
        for track in topic.tracks.values():
            if track.way.kind == "bitrate" and any(track.wait.counts):
                label = f"wait for other frames at {way_name(track.way)}"
                found.setdefault(label, Counter()).update(track.wait.counts)
    found = {label: +Counter({v: n for v, n in c.items() if v > 0}) for label, c in found.items()}
    found = {label: counts for label, counts in found.items() if counts}
    if not found:
        return None
    low = 1000 * min(min(counts) for counts in found.values())
    high = 1000 * max(max(counts) for counts in found.values())
    edges = np.geomspace(0.9 * low, 1.1 * high, 61)
    figure, axes = _blank()
    for label, counts in found.items():
        values = 1000 * np.array(list(counts))
        axes.hist(values, edges.tolist(), weights=list(counts.values()), alpha=0.55, label=label)
    logarithmic(axes)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlabel="ms", ylabel="frames")
    _legend_above(axes)
    return Plot("latency", "Latency", "From stamps and times of recording.", figure)


def confusion(result: BagResult) -> Plot | None:
    """Which class was taken for which."""
    counted = main_track(result)
    if counted is None:
        return None
    names = sorted({name for pair in counted.confusion for name in pair}, key=_natural)
    place = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), int)
    for (truth, label), count in counted.confusion.items():
        matrix[place[truth], place[label]] += count
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    side = max(3.6, min(5.2, 1.2 + 0.38 * len(names)))
    figure, axes = _blank((side, side))
    axes.grid(False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= _MOST_NAMED:
        ticks = range(len(names))
        long = max(map(len, names)) > 2
        axes.set_xticks(ticks, names, rotation=60 if long else 0, ha="right" if long else "center")
        axes.set_yticks(ticks, names)
        size = 8 if len(names) <= 12 else 6
        for row, column in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "#222222"
            axes.text(
                column, row, matrix[row, column], ha="center", va="center", color=colour, size=size
            )
    axes.set(xlabel="predicted class", ylabel="true class")
    return Plot(
        "confusion",
        "Confusion matrix",
        f"Numbers of frames, {way_name(counted.way)}; shaded by the share of the row.",
        figure,
    )


def points_over_time(result: BagResult) -> Plot | None:
    """Mean operating point of the frames of every second."""
    series = _series(
        result,
        ("recorded", "bitrate"),
        lambda second: second.points / second.frames if second.frames else math.nan,
        mean=True,
    )
    if not series:
        return None
    figure, axes = _blank()
    for way, times, values in series:
        axes.plot(times, values, ".-", markersize=3, label=way_name(way))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="time in the bag, s", ylabel="operating point")
    if result.ladder:
        axes.set_ylim(-0.5, len(result.ladder) - 0.5)
    _legend_above(axes)
    return Plot(
        "points_over_time",
        "Operating points over time",
        "Mean of the frames sent in each interval; gaps are times without a frame.",
        figure,
    )


def reliability(result: BagResult) -> Plot | None:
    """Whether a score of 0.9 is right nine times out of ten."""
    counted = main_track(result)
    if counted is None or not counted.reliability:
        return None
    figure, axes = _blank((4.2, 3.8))
    axes.plot([0, 1], [0, 1], "--", color="#8a94a0", linewidth=1, label="perfectly calibrated")
    bins = list(counted.reliability.bins())
    sizes = np.array([one.count for one in bins])
    shares = [one.accuracy for one in bins]
    centres = [one.centre for one in bins]
    axes.bar(centres, shares, width=0.9 / BINS, color="#1764ab", alpha=0.35)
    axes.scatter(
        [one.mean_score for one in bins],
        shares,
        s=8 + 90 * sizes / sizes.max(),
        color="#1764ab",
        label="score bins, sized by number of frames",
        zorder=3,
    )
    axes.set(xlabel="score of the best label", ylabel="share of correct labels")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05))
    axes.legend(loc="upper left")
    return Plot(
        "calibration", "Calibration of the scores", f"Frames, {way_name(counted.way)}.", figure
    )


def _blank(size: tuple[float, float] = _SIZE) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()


def _legend_above(axes: Axes) -> None:
    """Put the legend where no line can hide behind it."""
    count = len(axes.get_legend_handles_labels()[0])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=min(2, count), borderaxespad=0.2)


def _kilobits(topic: Topic, track: Track) -> float:
    return (bitrate(topic, track) or 0) / 1000


def logarithmic(axes: Axes) -> None:
    """Let x be logarithmic with plain numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = axes.get_xlim()
    crowded = high > _CROWDED * low
    axes.xaxis.set_minor_formatter(NullFormatter() if crowded else FuncFormatter(_few_minors))


def percentages(axes: Axes) -> None:
    """Let y, from 0 to 1, be shown in per cent."""
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _accuracies(
    axes: Axes,
    result: BagResult,
    topic: Topic,
    kinds: tuple[str, ...],
    cost: Callable[[Track], float],
) -> bool:
    """Draw the accuracies of a topic's ways of sending; return whether there are any."""
    suffix = f", {topic.name}" if len(result.topics) > 1 else ""
    styles = {
        "point": ("operating points, every frame", "o-"),
        "bitrate": ("replayed bit rates", "s-"),
        "recorded": ("as recorded", "D"),
        "again": ("classified again", "^"),
    }
    drawn = False
    for kind in kinds:
        chosen = [t for t in topic.tracks.values() if t.way.kind == kind and t.judged and cost(t)]
        if chosen:
            label, style = styles[kind]
            _with_bars(axes, [cost(track) for track in chosen], chosen, style, label + suffix)
            drawn = True
    return drawn


def _with_bars(
    axes: Axes, rates: Sequence[float], tracks: Sequence[Track], style: str, label: str
) -> None:
    order = np.argsort(rates)
    middle = np.array([tracks[i].accuracy for i in order], float)
    bounds = np.array([interval(tracks[i].correct, tracks[i].judged) for i in order]).T
    errors = np.abs(bounds - middle)
    axes.errorbar(
        np.array(rates)[order], middle, errors, fmt=style, label=label, elinewidth=0.8, capsize=2
    )


def _series(
    result: BagResult,
    kinds: tuple[str, ...],
    value: Callable[[Second], float],
    mean: bool = False,
) -> list[tuple[Way, list[float], list[float]]]:
    """Return (way, times, values) of the ways of sending that have a rate of their own.

    Times are the middles of equal intervals; all topics are added up.
    """
    sums: dict[Way, dict[int, Second]] = {}
    for topic in result.topics.values():
        for track in topic.tracks.values():
            if track.way.kind in kinds and track.seconds:
                added = sums.setdefault(track.way, {})
                for second, amount in track.seconds.items():
                    _plus(added.setdefault(second, Second()), amount)
    if not sums:
        return []
    last = max(max(seconds) for seconds in sums.values())
    width = max(1, math.ceil((last + 1) / _MOST_BINS))
    series = []
    for way, seconds in sums.items():
        bins = [Second() for _ in range(last // width + 1)]
        for second, amount in seconds.items():
            if second >= 0:
                _plus(bins[second // width], amount)
        times = [(index + 0.5) * width for index in range(len(bins))]
        values = [value(one) / (1 if mean else width) for one in bins]
        series.append((way, times, values))
    return series


def _plus(to: Second, more: Second) -> None:
    to.bits += more.bits
    to.frames += more.frames
    to.points += more.points


def _natural(name: str) -> tuple[int, float, str]:
    """Sort numbers as numbers, before words."""
    return (0, float(name), name) if name.isdigit() else (1, 0.0, name)


def _few_minors(value: float, _: object) -> str:
    first = f"{value:e}"[0]
    return f"{value:g}" if first in "25" else ""
