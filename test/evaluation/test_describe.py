"""What people read of a bag."""

from collections import Counter
from pathlib import Path

from jcc_ros.evaluation.describe import WAY_COLUMNS, describe, way_cells
from jcc_ros.evaluation.plan import Way
from jcc_ros.evaluation.result import BagResult
from jcc_ros.evaluation.statistics import Topic, Track


def counts(topic, track):
    cells = dict(zip(["way", *WAY_COLUMNS], way_cells(topic, track), strict=True))
    return [cells[name] for name in ("frames", "labelled", "dropped")]


def test_what_the_encoder_dropped_belongs_to_the_frames_as_recorded():
    topic = Topic("/image_raw", dropped=Counter(rate=2, superseded=1))
    for kind in ("recorded", "again"):
        assert counts(topic, Track(Way(kind, kind), frames=5, labelled=4)) == ["8", "4", "3"]
    # A replay knows of every frame, and drops its own.
    replay = Track(
        Way("bitrate_2000", "bitrate", 2000.0), frames=8, labelled=6, dropped=Counter(rate=2)
    )
    assert counts(topic, replay) == ["8", "6", "2"]


def test_one_of_a_kind_is_told_in_the_singular():
    topic = Topic("/c", frames=1, latents=1, messages=1, labels=2, compared=1)
    for seconds in (0.1, 0.1, 0.1, 5.0):
        topic.intervals.add(seconds)
    text = describe(BagResult(Path("bag"), topics={"/c": topic}))
    assert "/c: 1 frame; 1 latent in 1 message, 2 labels, 0 images\n1 gap, the longest" in text
    assert "agree on 0.00% of 1 frame" in text.splitlines()[-1]
