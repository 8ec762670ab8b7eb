"""The results of bags as plain values for summary.json, and as lines for a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from jcc_ros.evaluation.output import table
from jcc_ros.evaluation.result import BagResult
from jcc_ros.evaluation.shares import interval, per_class
from jcc_ros.evaluation.statistics import Topic, Track
from jcc_ros.evaluation.text import name_of

# What matters most first: a phone shows four columns without scrolling.
WAY_COLUMNS = (
    *("kbit/s", "accuracy", "95 %", "right/s", "payload bits", "wire bits"),
    *("frames", "labelled", "dropped"),
)


def summarize(results: Sequence[BagResult]) -> dict[str, Any]:
    """Return what was found in every bag, and in all of them together."""
    whole = combine(results)
    return {
        "bags": [_bag(result) for result in results],
        "total": _topics(whole) if len(results) > 1 else None,
        "failed": sum(bool(result.error) for result in results),
    }


def combine(results: Sequence[BagResult]) -> BagResult:
    """Return the counts of several bags as those of one; times stay apart."""
    if len(results) == 1:
        return results[0]
    whole = BagResult(results[0].path.parent)
    for result in results:
        whole.seconds += result.seconds
        whole.models.update(result.models)
        whole.ladder = whole.ladder or result.ladder
        whole.classes = whole.classes or result.classes
        whole.reports.update(result.reports)
        whole.notes += [note for note in result.notes if note not in whole.notes]
        for name, topic in result.topics.items():
            whole.topics.setdefault(name, Topic(name)).update(topic)
    return whole


def track_name(track: Track) -> str:
    """Return what a way of sending is called in tables and pictures."""
    if track.kind == "point":
        return f"point {track.setting:.0f}"
    if track.kind == "bitrate":
        return f"{(track.setting or 0) / 1000:g} kbit/s"
    return {"recorded": "as recorded", "again": "classified again"}[track.kind]


def main_track(topics: Iterable[Topic]) -> str | None:
    """Return the name of the way of sending that a reader asks for first, if any has a truth."""
    known: dict[str, Track] = {}
    for topic in topics:
        known.update({name: track for name, track in topic.tracks.items() if track.judged})
    order = {"again": 3, "recorded": 2, "point": 1, "bitrate": 0}
    # Of points and bit rates, the highest.
    return max(known, key=lambda n: (order[known[n].kind], known[n].setting or 0), default=None)


def bitrate(topic: Topic, track: Track) -> float | None:
    """Return the mean bit/s at the IP layer over the topic's time, None without any."""
    if not topic.seconds or not track.wire_bits:
        return None
    return track.wire_bits.total / topic.seconds


def describe(result: BagResult) -> str:
    """Return the most important figures of a bag as text."""
    lines = [f"{name_of(result.path)}: {result.seconds:.1f} s"]
    models = ", ".join(f"{name} ({i[:8]})" for i, name in result.models.items())
    if models:
        lines[0] += f", model {models}"
    for topic in result.topics.values():
        lines += ["", _about(topic)]
        rows = [way_cells(topic, track) for track in topic.tracks.values()]
        if rows:
            lines.append(table(["", *WAY_COLUMNS], rows))
        if topic.compared:
            share = topic.agreed / topic.compared
            lines.append(f"recorded and new labels agree on {share:.2%} of {topic.compared} frames")
        if topic.latencies:
            lines.append("")
            lines.append(table(["latency, ms", "median", "95 %", "99 %"], latency_rows(topic)))
    lines += [f"note: {note}" for note in result.notes]
    return "\n".join(lines)


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
        f"{topic.name}: {topic.frames} frames; {topic.latents} latents in {topic.messages} "
        f"messages, {topic.labels} labels, {topic.images} images\n"
        f"{sum(n for _, n in gaps)} gaps{longest}; duplicates: {counts_of(topic.duplicates)}; "
        f"refused: {counts_of(topic.refused)}\n"
        f"dropped by the encoder: {counts_of(topic.dropped)}; "
        f"latents without label: {topic.unlabelled}{late}"
    )


def way_cells(topic: Topic, track: Track) -> list[str]:
    """Return a line of text cells: the name of a way of sending, then WAY_COLUMNS."""
    rate, accuracy = bitrate(topic, track), track.accuracy
    low, high = interval(track.correct, track.judged) if track.judged else (0, 0)
    frames, dropped = track.frames, track.dropped.total()
    if track.kind in ("recorded", "again"):  # only the encoder knows of what it did not send
        dropped = topic.dropped.total()
        frames += dropped
    return [
        track_name(track),
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


def _bag(result: BagResult) -> dict[str, Any]:
    if result.error:
        return {"bag": name_of(result.path), "error": result.error}
    reports = result.reports
    return {
        "bag": name_of(result.path),
        "error": None,
        "seconds": result.seconds,
        "models": [{"name": name, "model_id": i} for i, name in result.models.items()],
        "notes": result.notes,
        "encoder": {
            "targets": sorted({target for target, _ in reports.by_second.values()}),
            "limits": dict(reports.limits),
            "encode_time": reports.encode_times.summary(),
        },
        "topics": _topics(result),
    }


def _topics(result: BagResult) -> list[dict[str, Any]]:
    return [_topic(topic) for topic in result.topics.values()]


def _topic(topic: Topic) -> dict[str, Any]:
    gaps = topic.gaps
    return {
        "topic": topic.name,
        "seconds": topic.seconds,
        "frames": topic.frames,
        "images": topic.images,
        "latents": topic.latents,
        "labels": topic.labels,
        "messages": topic.messages,
        "message_bits": topic.message_bits.summary(),
        "gaps": {
            "count": sum(n for _, n in gaps),
            "longest_s": gaps[0][0] if gaps else None,
            "interval_s": topic.intervals.summary(),
        },
        "duplicates": dict(topic.duplicates),
        "refused": dict(topic.refused),
        "dropped_by_encoder": {reason: n for reason, n in topic.dropped.items() if n},
        "latents_without_label": topic.unlabelled,
        "labels_late": topic.late,
        "images_without_latent": topic.untold,
        "latency_s": {name: d.summary() for name, d in topic.latencies.items()},
        "labels_compared": topic.compared,
        "labels_agreeing": topic.agreed,
        "ways": [_track(topic, name, track) for name, track in topic.tracks.items()],
    }


def _track(topic: Topic, name: str, track: Track) -> dict[str, Any]:
    known = track.judged + track.lost
    points = sorted(track.points)
    return {
        "way": name,
        "kind": track.kind,
        "setting": track.setting,
        "frames": track.frames,
        "labelled": track.labelled,
        "dropped": dict(track.dropped),
        "payload_bits": track.payload_bits.summary(),
        "wire_bits": track.wire_bits.summary(),
        "bitrate_wire": bitrate(topic, track),
        "wait_s": track.wait.summary(),
        "truth_known": known,
        "judged": track.judged,
        "correct": track.correct,
        "accuracy": track.accuracy,
        "accuracy_95": list(interval(track.correct, track.judged)) if track.judged else None,
        # Frames that were never labelled count as wrong here.
        "accuracy_of_all_frames": track.correct / known if known else None,
        "correct_per_second": track.correct / topic.seconds if topic.seconds else None,
        "expected_calibration_error": track.calibration.error,
        "calibration": [
            {"count": one.count, "mean_score": one.mean_score, "accuracy": one.accuracy}
            for one in track.calibration.bins()
        ],
        "by_second": [
            {"second": place, "wire_bits": s.bits, "frames": s.frames, "point": s.points / s.frames}
            for place, s in sorted(track.seconds.items())
        ],
        "operating_points": [
            {
                "point": point,
                "frames": track.points[point],
                "judged": track.known[point],
                "correct": track.right[point],
            }
            for point in points
        ],
        "per_class": per_class(track.confusion),
        "confusion": [
            {"truth": truth, "label": label, "count": n}
            for (truth, label), n in sorted(track.confusion.items())
        ],
    }
