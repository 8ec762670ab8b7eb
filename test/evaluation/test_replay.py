"""What is sent of recorded images, against the encoder's own steps."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from recordings import PERIOD, START, TO_IMAGE

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.outbox import Outbox
from jcc_ros.codec.packet import split
from jcc_ros.codec.rate import RateController
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.describe import way_name
from jcc_ros.evaluation.examine import examine


def test_images_at_every_operating_point(filmed, seen, tiny_halves, options, tmp_path):
    (topic,) = examine(filmed.write(tmp_path / "bag"), options).topics.values()
    encoder, classifier = tiny_halves
    ladder = encoder.codec.ladder
    assert list(topic.tracks) == [f"point_{index}" for index in range(len(ladder))]
    for index in range(len(ladder)):
        bits, right = [], 0
        for image, label in zip(seen.images[:90], seen.labels[:90], strict=True):
            data = encoder.codec.encode(encoder.latent(image), index).to_bytes()
            bits.append(8 * (len(data) - 6))
            latent = classifier.codec.decode(next(split(data)))
            right += int(classifier.scores(latent[None], index).argmax()) == label
        track = topic.tracks[f"point_{index}"]
        assert track.payload_bits.mean == pytest.approx(np.mean(bits))
        assert track.correct == pytest.approx(right, abs=1)  # a near tie
        assert track.judged == 90


def test_chosen_points(filmed, options, tmp_path):
    bag = filmed.write(tmp_path / "bag")
    (topic,) = examine(bag, replace(options, points=(1,))).topics.values()
    assert list(topic.tracks) == ["point_1"]
    with pytest.raises(DataError, match=r"no operating point 77: tiny has 0 \.\. \d"):
        examine(bag, replace(options, points=(77,)))


def test_frames_that_no_packet_holds_are_counted(filmed, options, tmp_path, monkeypatch):
    monkeypatch.setattr("jcc_ros.codec.packet.MAX_PAYLOAD", 1)
    options = replace(options, points=(1,), bitrates=(1e6,))
    (topic,) = examine(filmed.write(tmp_path / "bag"), options).topics.values()
    for track in (topic.tracks["point_1"], topic.tracks["bitrate_1000000"]):
        assert track.dropped["oversized"] > 0
        assert track.dropped["oversized"] + track.judged == 90


def test_bit_rates_that_are_nearly_alike_stay_apart(filmed, options, tmp_path):
    rates = (1e6, 1e6 + 1, 1e6 + 1.5)
    options = replace(options, bitrates=rates)
    (topic,) = examine(filmed.write(tmp_path / "bag"), options).topics.values()
    assert list(topic.tracks) == ["bitrate_1000000", "bitrate_1000001", "bitrate_1000001.5"]
    told = [(t.frames, t.way.setting, way_name(t.way)) for t in topic.tracks.values()]
    assert told == [
        (90, rates[0], "1000 kbit/s"),
        (90, rates[1], "1000.001 kbit/s"),
        (90, rates[2], "1000.0015 kbit/s"),
    ]


@pytest.mark.parametrize("budget", [Budget(), Budget(frames_per_message=8, max_delay=0.4)], ids=str)
def test_bit_rates_as_the_encoder_node_would_send(
    filmed, seen, tiny_halves, options, tmp_path, budget
):
    """Step by step what an encoder does, with stamps for clocks."""
    codec = tiny_halves[0].codec
    rates = (6000.0, 20000.0, 500000.0)
    options = replace(options, bitrates=rates, budget=budget, out=tmp_path / "out")
    (topic,) = examine(filmed.write(tmp_path / "bag"), options).topics.values()
    with (tmp_path / "out" / "frames.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for rate in rates:
        controller, outbox = RateController(codec.ladder), Outbox(codec)
        limits = replace(budget, bitrate=rate)
        points, dropped, messages = [], 0, []

        def send(controller=controller, outbox=outbox, messages=messages) -> None:
            messages.append(latent_message_bits("camera", len(outbox.take().data)))
            controller.charge("/image_raw", messages[-1])

        for index in range(90):
            stamp = START + index * PERIOD
            now = (stamp + TO_IMAGE) / 1e9
            if outbox.deadline(limits.max_delay) <= now:
                send()
            overhead = latent_message_bits("camera", 0)
            chosen = controller.admit("/image_raw", now, overhead, limits)
            if isinstance(chosen, Drop):
                dropped += 1
                points.append("")
                continue
            points.append(str(chosen))
            outbox.add(tiny_halves[0].latent(seen.images[index]), chosen, stamp, "camera", now)
            if len(outbox) >= controller.plan("/image_raw").frames:
                send()
        if outbox:
            send()
        track = topic.tracks[f"bitrate_{rate:g}"]
        assert [row[f"bitrate_{rate:g}_point"] for row in table] == points
        assert track.dropped.total() == dropped
        assert track.wire_bits.total == pytest.approx(sum(messages), abs=90)
    assert topic.tracks["bitrate_6000"].dropped["rate"] > 0
    assert topic.tracks["bitrate_500000"].dropped.total() == 0
