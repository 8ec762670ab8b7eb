"""Counts of a bag against what was put into it, and against the slow way to the same."""

import csv
import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import PERIOD, START, Recording, drive

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.ros_types import COMPRESSED_IMAGE
from jcc_ros.evaluation.describe import describe
from jcc_ros.evaluation.examine import examine
from jcc_ros.evaluation.summary import bitrate


def only(result):
    (topic,) = result.topics.values()
    return topic


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "frames.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_recorded_latents_are_decoded_and_classified_again(driven, seen, options, tmp_path):
    result = examine(driven.write(tmp_path / "bag"), replace(options, out=tmp_path / "out"))
    topic = only(result)
    assert topic.name == "/image_raw"
    assert (topic.frames, topic.latents, topic.messages, topic.labels) == (200, 200, 200, 200)
    assert (topic.compared, topic.agreed) == (200, 200)
    recorded, again = topic.tracks["recorded"], topic.tracks["again"]
    told = [m.labels[0] for *_, kind, m in driven.messages if kind.endswith("Classification")]
    truths, labels = told[0::2], told[1::2]
    right = sum(a == b for a, b in zip(truths, labels, strict=True))
    assert (recorded.correct, again.correct) == (right, right)
    assert recorded.judged == again.judged == 200
    table = rows(tmp_path / "out")
    assert [row["truth"] for row in table] == truths
    assert [row["again_label"] for row in table] == labels
    assert [int(row["stamp_ns"]) for row in table] == [START + i * PERIOD for i in range(200)]


def test_bits_and_rate(driven, options, tmp_path):
    topic = only(examine(driven.write(tmp_path / "bag"), options))
    sizes = [len(m.data) for *_, kind, m in driven.messages if kind.endswith("Latent")]
    wire = [latent_message_bits("camera", size) for size in sizes]
    assert topic.message_bits.total == sum(wire)
    track = topic.tracks["again"]
    assert track.payload_bits.mean == pytest.approx(np.mean([8 * (s - 6) for s in sizes]))
    assert bitrate(topic, track) == pytest.approx(sum(wire) / (200 * PERIOD / 1e9))
    assert sum(second.bits for second in track.seconds.values()) == sum(wire)
    assert len(track.seconds) == 7


def test_latencies(driven, options, tmp_path):
    topic = only(examine(driven.write(tmp_path / "bag"), options))
    medians = {name: d.percentiles(50)[0] for name, d in topic.latencies.items()}
    assert medians == pytest.approx(
        {
            "stamp_to_latent": 0.005,
            "latent_to_label": 0.016,
            "stamp_to_label": 0.021,
            "stamp_to_received": 0.019,
            "received_to_classified": 0.001,
        }
    )


def test_frames_that_share_a_message(tiny_halves, seen, options, tmp_path):
    bag = drive(tiny_halves, seen, 30, per_message=4).write(tmp_path / "bag")
    topic = only(examine(bag, options))
    assert (topic.frames, topic.latents, topic.messages, topic.labels) == (30, 30, 8, 30)
    assert topic.agreed == 30
    # Each frame of a message waited for the last one.
    (most,) = topic.latencies["stamp_to_latent"].percentiles(100)
    assert most == pytest.approx(3 * PERIOD / 1e9 + 0.005, rel=1e-3)


def test_gaps_duplicates_damage_and_missing_labels(tiny_halves, seen, options, tmp_path):
    recording = drive(tiny_halves, seen, 60)
    kinds = [kind.rpartition("/")[2] for _, _, kind, _ in recording.messages]
    latents = [i for i, kind in enumerate(kinds) if kind == "Latent"]
    labels = [i for i, kind in enumerate(kinds) if kind == "Classification"][1::2]
    # Frame 10 came twice; 20 to 24 were not recorded at all; 30 was damaged; 40 has no label.
    again = recording.messages[latents[10]]
    lost = {latents[i] for i in range(20, 25)} | {labels[i] for i in range(20, 25)} | {labels[40]}
    recording.messages[latents[30]][3].data[5] ^= 0xFF
    recording.messages = [m for i, m in enumerate(recording.messages) if i not in lost]
    recording.messages.append((again[0] + 1, *again[1:]))
    topic = only(examine(recording.write(tmp_path / "bag"), options))
    assert topic.frames == 60
    assert topic.latents == 54
    assert topic.duplicates == {"latent": 1}
    assert sum(topic.refused.values()) == 1
    assert "checksum" in next(iter(topic.refused))
    assert topic.unlabelled == 1
    ((longest, count), *others) = topic.gaps
    assert (count, longest) == (1, pytest.approx(6 * PERIOD / 1e9, rel=1e-3))
    assert others == [(pytest.approx(2 * PERIOD / 1e9, rel=1e-3), 1)]
    # Frames without a label count, where it is asked for, as wrong.
    assert topic.tracks["again"].lost == 6


@pytest.mark.parametrize(
    ("before", "expected"),
    [(0, {"rate": 25, "superseded": 1}), (500, {"rate": 20, "superseded": 1})],
)
def test_drops_that_the_encoder_reports(driven, options, tmp_path, before, expected):
    """Counts from before the recording are not the bag's, counts from its start are."""
    recording = Recording(list(driven.messages))
    for second, rate, superseded in ((1, 5, 0), (2, 10, 0), (3, 25, 1)):
        time = START + second * 10**9
        recording.status(time, 8000.0, before + 29 * second, {"rate": rate})
        if superseded:
            recording.status(time + 1, 8000.0, before + 90, {"rate": rate, "superseded": 1})
    result = examine(recording.write(tmp_path / "bag"), options)
    assert only(result).dropped == expected
    assert {target for target, _ in result.reports.by_second.values()} == {8000.0}


def test_model_that_is_not_at_hand(driven, tmp_path, options):
    """Everything but new labels is still told."""
    from jcc_ros.evaluation.synthetic import synthetic_model
    from jcc_ros.networks.classifier_model import save_classifier
    from jcc_ros.networks.encoder_model import save_encoder

    for save, half in zip((save_encoder, save_classifier), synthetic_model(), strict=True):
        save(half, tmp_path / "other")
    bag = driven.write(tmp_path / "bag")
    result = examine(bag, replace(options, models=(tmp_path / "other",)))
    topic = only(result)
    assert topic.latents == topic.tracks["recorded"].judged == 200
    assert list(topic.tracks) == ["recorded"]
    assert "packets of unknown model" in result.notes[0]
    assert "classified again" not in describe(result)


def test_newer_classifier_of_the_same_encoder_goes_first(driven, tiny_halves, tmp_path, options):
    from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier

    old = tiny_halves[1]
    renamed = tuple(f"new {name}" for name in old.classes)
    newer = ClassifierModel("newer", old.network, old.codec, renamed, {})
    save_classifier(newer, tmp_path / "newer")
    bag = driven.write(tmp_path / "bag")
    result = examine(bag, replace(options, models=(tmp_path / "newer", *options.models)))
    assert list(result.models.values()) == ["newer"]
    assert all(label.startswith("new ") for _, label in only(result).tracks["again"].confusion)
    assert only(result).agreed == 0


# Images.


def test_compressed_and_unusable_images(tiny_halves, seen, options, tmp_path):
    import cv2

    from jcc_ros.datasets import ros_types

    recording = Recording()
    for index in range(10):
        stamp = START + index * PERIOD
        _, data = cv2.imencode(".png", cv2.cvtColor(seen.images[index], cv2.COLOR_RGB2BGR))
        pixels = data.reshape(-1) if index != 4 else np.zeros(10, np.uint8)
        message = recording.make(ros_types.COMPRESSED_IMAGE, recording.header(stamp), "png", pixels)
        recording.add(stamp, "/cam/compressed", ros_types.COMPRESSED_IMAGE, message)
    topic = only(examine(recording.write(tmp_path / "bag"), options))
    assert topic.name == "/cam"
    assert topic.images == 9
    assert list(topic.refused.values()) == [1]
    for point, track in enumerate(topic.tracks.values()):
        expected = [
            8 * len(tiny_halves[0].codec.encode(tiny_halves[0].latent(image), point).payload)
            for image in (*seen.images[:4], *seen.images[5:10])
        ]
        assert track.payload_bits.total == sum(expected)


# The same whatever the machine.


def test_number_of_threads_changes_nothing(filmed, options, tmp_path):
    bag = filmed.write(tmp_path / "bag")
    for threads in (1, 3):
        examine(bag, replace(options, threads=threads, out=tmp_path / str(threads)))
    one, three = ((tmp_path / name / "frames.csv").read_bytes() for name in ("1", "3"))
    assert one == three


def test_several_cameras_and_a_choice_of_them(tiny_halves, seen, options, tmp_path):
    recording = drive(tiny_halves, seen, 20)
    front = [(t + 1, x.replace("image_raw", "front"), k, m) for t, x, k, m in recording.messages]
    recording.messages += front
    bag = recording.write(tmp_path / "bag")
    assert {name: t.frames for name, t in examine(bag, options).topics.items()} == {
        "/image_raw": 20,
        "/front": 20,
    }
    assert list(examine(bag, replace(options, topics=("/front",))).topics) == ["/front"]
    with pytest.raises(DataError, match="no topic /rear; available topics: /front, /image_raw"):
        examine(bag, replace(options, topics=("/rear",)))


@pytest.mark.parametrize("apart", [0, 3_000_000], ids=["synchronised", "not synchronised"])
def test_the_truth_of_a_camera_is_none_of_the_others(options, tmp_path, apart):
    recording = Recording()
    for index in range(20):
        for name, label, shift in (("/a", "1", 0), ("/b", "2", apart)):
            stamp = START + index * 10**8 + shift
            recording.truth(stamp, label, topic=f"{name}/truth")
            recording.classification(stamp, [label], [0.9], topic=f"{name}/labels")
    bag = recording.write(tmp_path / "bag")
    for topics in ((), ("/a",)):
        topic = examine(bag, replace(options, topics=topics)).topics["/a"]
        track = topic.tracks["recorded"]
        assert (topic.frames, track.judged, track.accuracy, track.lost) == (20, 20, 1.0, 0)


def test_a_score_that_is_no_probability_is_left_out(options, tmp_path):
    recording = Recording()
    for index, score in enumerate((0.9, math.nan, math.inf, -3e38, 1.5, 0.0, 1.0)):
        recording.truth(START + index * 10**8, "1")
        recording.classification(START + index * 10**8, ["1"], [score])
    track = only(examine(recording.write(tmp_path / "bag"), options)).tracks["recorded"]
    assert track.judged == 7
    assert [one.count for one in track.reliability.bins()] == [1, 1, 1]


def test_numbers_that_no_encoder_reports_are_left_out(driven, options, tmp_path):
    recording = Recording(list(driven.messages))
    for second, value in enumerate((0.002, math.nan, math.inf, -1.0, 0.0)):
        recording.status(START + second * 10**9, 1000.0 * value, 0, {})
        recording.messages[-1][3].topics[0].encode_time = value
    result = examine(recording.write(tmp_path / "bag"), options)
    times, rates = result.reports.encode_times, result.reports.by_second.values()
    assert (times.counts, times.mean) == ({0.002: 1}, pytest.approx(0.002))
    assert [target for target, _ in rates] == [2.0, 0.0, 0.0, 0.0, 0.0]


def test_bits_of_frames_that_wait_long_for_their_message_are_counted(options, seen, tmp_path):
    recording = Recording()
    for index in range(600):
        recording.image(START + index * 10**8, seen.images[index % len(seen)])
    budget = Budget(frames_per_message=32, max_delay=30.0)
    wanted = replace(options, bitrates=(300.0,), budget=budget)
    track = only(examine(recording.write(tmp_path / "bag"), wanted)).tracks["bitrate_300"]
    assert sum(track.points.values()) == len(track.payload_bits) == len(track.wire_bits) > 20


def test_topics_of_other_names(tiny_halves, seen, options, tmp_path):
    recording = drive(tiny_halves, seen, 20, images=True)
    names = {"/image_raw": "/c", "/image_raw/latent": "/l", "/image_raw/labels": "/r"}
    recording.messages = [(t, names.get(x, x), k, m) for t, x, k, m in recording.messages]
    topic = only(examine(recording.write(tmp_path / "bag"), options))
    assert (topic.name, topic.frames, topic.images, topic.latents) == ("/c", 20, 20, 20)
    assert topic.agreed == 20
    assert topic.tracks["again"].judged == 20


def test_labels_alone(tiny_halves, seen, options, tmp_path):
    topic = only(
        examine(drive(tiny_halves, seen, 30, latents=False).write(tmp_path / "bag"), options)
    )
    track = topic.tracks["recorded"]
    assert (track.judged, track.labelled) == (30, 30)
    assert track.payload_bits.mean
    assert bitrate(topic, track)


def test_memory_does_not_grow_with_the_bag(options, tmp_path):
    """Ten minutes take what two and a half take; half a minute of frames may wait."""

    def peak(count: int) -> int:
        recording = Recording()
        for index in range(count):
            recording.classification(START + index * 10**8, ["3"], [0.5])
        bag = recording.write(tmp_path / str(count))
        tracemalloc.start()
        try:
            assert only(examine(bag, options)).frames == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(500)  # loads what is loaded once
    assert peak(6000) < 1.35 * peak(1500)


def test_bag_without_anything_of_ours(options, tmp_path):
    recording = Recording()
    recording.text(START, "/chatter", "hello")
    with pytest.raises(DataError, match="no messages of type"):
        examine(recording.write(tmp_path / "bag"), options)


def test_one_stamp_of_another_clock_spoils_nothing(driven, options, tmp_path):
    expected = only(examine(driven.write(tmp_path / "right"), options))
    recording = Recording()
    for time, topic, kind, message in driven.messages:
        header = recording.header(0) if time < START + PERIOD else message.header
        message = replace(message, header=header)
        recording.add(time, topic, kind, message)
    result = examine(recording.write(tmp_path / "bag"), options)
    topic = only(result)
    assert (topic.frames, topic.gaps) == (200, [])
    rates = [bitrate(found, found.tracks["again"]) for found in (topic, expected)]
    assert rates[0] == pytest.approx(rates[1], rel=0.001)
    assert topic.latencies["stamp_to_label"].most == pytest.approx(0.021)
    assert result.notes == [
        "/image_raw: 1 of 200 frames have times from another clock than the recording; they are "
        "left out of the latencies"
    ]


def test_raw_and_compressed_images_of_one_camera_are_the_same(tiny_halves, seen, options, tmp_path):
    import cv2

    recording = drive(tiny_halves, seen, 20, images=True, latents=False, labels=False)
    for index in range(20):
        stamp = START + index * PERIOD
        _, data = cv2.imencode(".png", seen.images[index])
        fields = (recording.header(stamp), "png", data.reshape(-1))
        message = recording.make(COMPRESSED_IMAGE, *fields)
        recording.add(stamp, "/image_raw/compressed", COMPRESSED_IMAGE, message)
    result = examine(recording.write(tmp_path / "bag"), options)
    assert (only(result).images, only(result).duplicates) == (20, {})
    assert result.notes == ["/image_raw/compressed: left out, its images are also on /image_raw"]


def test_reports_of_several_encoders_stay_apart(driven, options, tmp_path):
    recording = Recording(list(driven.messages))
    for name, target in (("/a", 1000.0), ("/b", 2000.0), ("/stranger", 3000.0)):
        recording.status(START + 10**9, target, 0, {})
        time, _, kind, message = recording.messages.pop()
        if name == "/stranger":
            message.topics[0].topic = "/rear"
        recording.add(time, f"{name}/status", kind, message)
    reports = examine(recording.write(tmp_path / "bag"), options).reports
    assert {key: target for key, (target, _) in reports.by_second.items()} == {
        ("/a/status", 1): 1000.0,
        ("/b/status", 1): 2000.0,
    }


def test_label_that_comes_when_its_frame_is_counted_is_late(tiny_halves, seen, options, tmp_path):
    codec, recording = tiny_halves[0].codec, Recording()
    packet = codec.encode(tiny_halves[0].latent(seen.images[0]), 0).to_bytes()
    for index in range(600):
        recording.latent(START + index * 10**8, packet)
    recording.classification(START, ["1"], [0.5], wire_bits=1000, delay=55 * 10**9)
    topic = only(examine(recording.write(tmp_path / "bag"), options))
    assert (topic.frames, topic.labels, topic.late) == (600, 0, 1)
    assert len(topic.tracks["recorded"].wire_bits) == 600


def test_words_of_a_bag_reach_no_terminal_as_they_are(options, tmp_path):
    evil = "\x1b[2J\x01"
    recording = Recording()
    recording.text(START - 1, "/said", evil)
    for index in range(20):
        recording.classification(START + index * 10**8, [evil], [0.5])
    for second, count in ((0, 1), (1, 3)):
        recording.status(START + second * 10**9, 1000.0, 0, {evil: count})
        recording.messages[-1][3].limit = evil
    bag = recording.write(tmp_path / "bag")
    result = examine(bag, replace(options, label_topic="/said", out=tmp_path))
    written = "\\x1b[2J\\x01"
    assert only(result).tracks["recorded"].confusion == {(written, written): 20}
    assert only(result).dropped == {written: 3}
    assert result.reports.limits == {written: 2}
    assert all(line.isprintable() for line in describe(result).splitlines())


def test_images_without_a_stamp_are_told_apart_by_their_recording(seen, options, tmp_path):
    film = Recording()
    for index in range(20):
        film.image(START + index * PERIOD, seen.images[index])
    for _, _, _, message in film.messages:
        message.header.stamp.sec = message.header.stamp.nanosec = 0
    result = examine(film.write(tmp_path / "bag"), replace(options, points=(1,)))
    topic = only(result)
    assert (topic.images, topic.tracks["point_1"].labelled, topic.duplicates) == (20, 20, {})
    assert topic.intervals.mean == pytest.approx(PERIOD / 1e9)
    assert any("without a stamp" in note for note in result.notes)
