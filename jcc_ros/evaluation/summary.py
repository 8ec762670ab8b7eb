"""The results of bags as plain values for summary.json."""

from collections.abc import Sequence
from typing import Any

from jcc_ros.evaluation.result import BagResult
from jcc_ros.evaluation.shares import interval, per_class
from jcc_ros.evaluation.statistics import Topic, Track
from jcc_ros.evaluation.text import name_of


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


def main_track(result: BagResult) -> Track | None:
    """Return all topics' counts of the way of sending that a reader asks for first.

    None where the truth of no labelled frame is known.
    """
    tracks = [track for topic in result.topics.values() for track in topic.tracks.values()]
    order = {"again": 3, "recorded": 2, "point": 1, "bitrate": 0}
    # Of points and bit rates, the highest.
    way = max(
        (track.way for track in tracks if track.judged),
        key=lambda way: (order[way.kind], way.setting or 0),
        default=None,
    )
    if way is None:
        return None
    whole = Track(way)
    for track in tracks:
        if track.way == way:
            whole.update(track)
    return whole


def bitrate(topic: Topic, track: Track) -> float | None:
    """Return the mean bit/s at the IP layer over the topic's time, None without any."""
    if not topic.seconds or not track.wire_bits:
        return None
    return track.wire_bits.total / topic.seconds


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
        "ways": [_track(topic, track) for track in topic.tracks.values()],
    }


def _track(topic: Topic, track: Track) -> dict[str, Any]:
    known = track.judged + track.lost
    points = sorted(track.points)
    return {
        "way": track.way.name,
        "kind": track.way.kind,
        "setting": track.way.setting,
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
        "expected_calibration_error": track.reliability.error,
        "calibration": [
            {"count": one.count, "mean_score": one.mean_score, "accuracy": one.accuracy}
            for one in track.reliability.bins()
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
