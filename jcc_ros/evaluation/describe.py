"""The results of bags in words: names, text cells, and lines for a terminal."""

from typing import Any

from jcc_ros.datasets.images import counted
from jcc_ros.evaluation.output import table
from jcc_ros.evaluation.plan import Way
from jcc_ros.evaluation.result import BagResult
from jcc_ros.evaluation.shares import interval
from jcc_ros.evaluation.statistics import Topic, Track
from jcc_ros.evaluation.summary import bitrate
from jcc_ros.evaluation.text import name_of

# What matters most first: a phone shows four columns without scrolling.
WAY_COLUMNS = (
    *("kbit/s", "accuracy", "95 %", "right/s", "payload bits", "wire bits"),
    *("frames", "labelled", "dropped"),
)


def way_name(way: Way) -> str:
    """Return what a way of sending is called in tables and pictures."""
    if way.kind == "point":
        return f"point {way.setting:.0f}"
    if way.kind == "bitrate":
        return f"{(way.setting or 0) / 1000:.12g} kbit/s"
    return {"recorded": "as recorded", "again": "classified again"}[way.kind]


def describe(result: BagResult) -> str:
    """Return the most important figures of a bag as text."""
    lines = [f"{name_of(result.path)}: {result.seconds:.1f} s"]
    if result.models:
        lines[0] += f", model {models_of(result)}"
    for topic in result.topics.values():
        lines += ["", _about(topic)]
        rows = [way_cells(topic, track) for track in topic.tracks.values()]
        if rows:
            lines.append(table(["", *WAY_COLUMNS], rows))
        if topic.compared:
            share = topic.agreed / topic.compared
            frames = counted(topic.compared, "frame")
            lines.append(f"recorded and new labels agree on {share:.2%} of {frames}")
        if topic.latencies:
            lines.append("")
            lines.append(table(["latency, ms", "median", "95 %", "99 %"], latency_rows(topic)))
    lines += [f"note: {note}" for note in result.notes]
    return "\n".join(lines)


def models_of(result: BagResult) -> str:
    """Return names and ids of the models that were used, in words."""
    return ", ".join(f"{name} ({i[:8]})" for i, name in result.models.items())


def latency_rows(topic: Topic) -> list[list[str]]:
    """Return a line of text cells for each latency: name, median, 95 %, 99 %, in ms."""
    return [
        [
            name.replace("_", " "),
            *(f"{1000 * v:.1f}" for v in distribution.percentiles(50, 95, 99)),
        ]
        for name, distribution in topic.latencies.items()
    ]


def counts_of(counts: Any) -> str:
    """Return reasons and how often each, in words."""
    return ", ".join(f"{n} {reason}" for reason, n in counts.most_common() if n) or "none"


def _about(topic: Topic) -> str:
    gaps = topic.gaps
    longest = f", the longest {gaps[0][0]:.3g} s" if gaps else ""
    late = f"; late labels: {topic.late}" if topic.late else ""
    return (
        f"{topic.name}: {counted(topic.frames, 'frame')}; {counted(topic.latents, 'latent')} in "
        f"{counted(topic.messages, 'message')}, {counted(topic.labels, 'label')}, "
        f"{counted(topic.images, 'image')}\n"
        f"{counted(sum(n for _, n in gaps), 'gap')}{longest}; "
        f"duplicates: {counts_of(topic.duplicates)}; refused: {counts_of(topic.refused)}\n"
        f"dropped by the encoder: {counts_of(topic.dropped)}; "
        f"latents without a label: {topic.unlabelled}{late}"
    )


def way_cells(topic: Topic, track: Track) -> list[str]:
    """Return a line of text cells: the name of a way of sending, then WAY_COLUMNS."""
    rate, accuracy = bitrate(topic, track), track.accuracy
    low, high = interval(track.correct, track.judged) if track.judged else (0, 0)
    frames, dropped = track.frames, track.dropped.total()
    if track.way.kind in ("recorded", "again"):  # only the encoder knows of what it did not send
        dropped = topic.dropped.total()
        frames += dropped
    return [
        way_name(track.way),
        "" if rate is None else f"{rate / 1000:.2f}",
        "" if accuracy is None else f"{accuracy:.2%}",
        "" if accuracy is None else f"{low:.1%} - {high:.1%}",
        "" if accuracy is None or not topic.seconds else f"{track.correct / topic.seconds:.2f}",
        "" if track.payload_bits.mean is None else f"{track.payload_bits.mean:.1f}",
        "" if track.wire_bits.mean is None else f"{track.wire_bits.mean:.0f}",
        str(frames),
        str(track.labelled),
        str(dropped),
    ]
