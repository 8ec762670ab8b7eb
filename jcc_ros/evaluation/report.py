"""The report: report.html in one file, its pictures, and summary.json."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from jcc_ros.datasets.images import counted
from jcc_ros.datasets.writing import replacing
from jcc_ros.evaluation.describe import (
    WAY_COLUMNS,
    counts_of,
    latency_rows,
    models_of,
    way_cells,
    way_name,
)
from jcc_ros.evaluation.distribution import Distribution
from jcc_ros.evaluation.output import save_json
from jcc_ros.evaluation.plots import Plot, draw_all
from jcc_ros.evaluation.result import BagResult
from jcc_ros.evaluation.result_files import REPORT_FILE, SUMMARY_FILE
from jcc_ros.evaluation.shares import interval, per_class
from jcc_ros.evaluation.statistics import Topic, Track
from jcc_ros.evaluation.summary import bitrate, combine, main_track, summarize
from jcc_ros.evaluation.text import name_of, printable

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_LATENCY = "stamp_to_label"


def write_report(results: Sequence[BagResult], out: Path) -> None:
    """Write report.html, NAME.png and NAME.svg of every figure, and summary.json into `out`.

    Args:
        results: of one bag or of several, of which at least one could be read.
    Raises:
        DataError: names the file that cannot be written.
    """
    good = [result for result in results if not result.error]
    whole = combine(good)
    plots = draw_all(whole)
    for plot in plots:
        plot.save(out)
    save_json(summarize(results), out / SUMMARY_FILE)
    with replacing(out / REPORT_FILE) as partial:
        partial.write_text(_page(results, whole, plots, out), encoding="utf-8")


def _page(results: Sequence[BagResult], whole: BagResult, plots: list[Plot], out: Path) -> str:
    topics = whole.topics.values()
    main = main_track(whole)
    # What is written in a bag is no markup: labels and topics come from anywhere.
    template = Environment(autoescape=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=_title(results),
        subtitle=_subtitle(whole),
        numbers=_numbers(whole, main, alone=len(results) == 1),
        notes=[*whole.notes, *(f"the encoder reported: {text}" for text in whole.reports.limits)],
        columns=["way of sending", *WAY_COLUMNS],
        topics=[_topic(topic) for topic in topics],
        figures=[
            {**vars(plot), "svg": _inline(out / f"{plot.name}.svg", plot.title)} for plot in plots
        ],
        classes=_classes(main) if main else None,
        classes_of=_first_upper(way_name(main.way)) if main else "",
        calibration_error=_percent(main.reliability.error) if main else "",
        mistakes=[
            {
                "image": base64.b64encode(mistake.thumbnail).decode(),
                "truth": mistake.truth,
                "label": mistake.label,
                "score": f"score {mistake.score:.3f}",
                "when": f"at {mistake.seconds:.1f} s"
                + (f", {mistake.topic}" if len(topics) > 1 else ""),
            }
            for mistake in (main.worst() if main else ())
        ],
        bags=_bags(results) if len(results) > 1 else None,
    )


def _title(results: Sequence[BagResult]) -> str:
    return name_of(Path(results[0].path.name)) if len(results) == 1 else f"{len(results)} bags"


def _subtitle(whole: BagResult) -> str:
    models = f"; model {models_of(whole)}" if whole.models else ""
    return f"{whole.seconds:.1f} s of recording{models}"


def _numbers(whole: BagResult, main: Track | None, alone: bool) -> list[dict[str, str]]:
    topics = list(whole.topics.values())
    numbers = []
    if main is not None:
        low, high = interval(main.correct, main.judged)
        told = f"{low:.1%} to {high:.1%}, {way_name(main.way)}"
        numbers.append(("accuracy", _percent(main.accuracy), told))
    rates = [
        r for t in topics if "recorded" in t.tracks and (r := bitrate(t, t.tracks["recorded"]))
    ]
    if rates and alone:  # several bags were not recorded at once: nothing carried the sum
        targets = {target for target, _ in whole.reports.by_second.values() if target}
        told = ", ".join(f"{target / 1000:g}" for target in sorted(targets))
        numbers.append(
            (
                "bit rate as recorded",
                f"{sum(rates) / 1000:.2f} kbit/s",
                f"target {told} kbit/s" if told else "at the IP layer",
            )
        )
    slow = Distribution()
    for topic in topics:
        if _LATENCY in topic.latencies:
            slow.update(topic.latencies[_LATENCY])
    if len(slow):
        middle, high = slow.percentiles(50, 99)
        numbers.append(
            ("image stamp to label", f"{1000 * middle:.1f} ms", f"99 %: {1000 * high:.1f} ms")
        )
    frames = sum(topic.frames for topic in topics)
    numbers.append(("frames", f"{frames:,}", counted(len(topics), "topic")))
    return [dict(zip(("name", "value", "detail"), n, strict=True)) for n in numbers]


def _topic(topic: Topic) -> dict[str, Any]:
    gaps = topic.gaps
    longest = f", the longest {gaps[0][0]:.3g} s" if gaps else ""
    message = topic.message_bits.mean
    facts = [
        ["frames", f"{topic.frames}"],
        ["latents", f"{topic.latents} in {counted(topic.messages, 'message')}"],
        ["bits per message", "none" if message is None else f"{message:.0f} on average"],
        [
            "labels",
            f"{topic.labels}; {topic.late} late; {counted(topic.unlabelled, 'latent')} without one",
        ],
        ["images", f"{topic.images}"],
        ["gaps", f"{sum(n for _, n in gaps)}{longest}"],
        ["duplicates", counts_of(topic.duplicates)],
        ["refused", counts_of(topic.refused)],
        ["dropped by the encoder", counts_of(topic.dropped)],
    ]
    if topic.compared:
        agree = f"{topic.agreed / topic.compared:.2%} of {counted(topic.compared, 'frame')}"
        facts.append(["recorded and new labels agree", agree])
    return {
        "name": topic.name,
        "ways": [way_cells(topic, track) for track in topic.tracks.values()],
        "facts": facts,
        "latencies": latency_rows(topic),
    }


def _classes(track: Track) -> list[list[str]]:
    return [
        [
            row["class"],
            str(row["frames"]),
            _percent(row["recall"]),
            _percent(row["precision"]),
            _percent(row["f1"]),
        ]
        for row in per_class(track.confusion)
    ]


def _bags(results: Sequence[BagResult]) -> list[list[str]]:
    rows = []
    for result in results:
        frames = sum(topic.frames for topic in result.topics.values())
        main = main_track(result)
        share = _percent(main.accuracy) if main else ""
        state = printable(result.error) or "read"
        rows.append([name_of(result.path), f"{result.seconds:.1f}", str(frames), share, state])
    return rows


def _inline(svg: Path, title: str) -> Markup:
    """Return a picture as it can stand in a page: without prologue and without fixed size."""
    text = svg.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    label = escape(title)
    return Markup(
        re.sub(
            r'<svg (.*?)width="[\d.]+pt"(.*?)height="[\d.]+pt"|<svg ',
            lambda m: f'<svg role="img" aria-label="{label}" {m[1] or ""}{m[2] or ""}',
            text,
            count=1,
            flags=re.DOTALL,
        )
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
