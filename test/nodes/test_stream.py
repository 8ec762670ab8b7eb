"""What an image topic of the encoder says of its images."""

import time
from collections.abc import Iterator

import pytest
import rclpy
from sensor_msgs.msg import Image

from jcc_ros.codec.drop import Drop
from jcc_ros.nodes.stream import Stream


@pytest.fixture
def stream() -> Iterator[Stream]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("alone", context=context)
    stream = Stream(node, "image_raw", Image, lambda *_: None, lambda *_: None)
    yield stream
    stream.destroy()
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_images_that_the_middleware_lost_are_told(stream: Stream) -> None:
    assert stream.problem() == "nobody subscribes to /image_raw/latent"
    stream._lost(3)  # as rclpy calls it
    assert stream.problem() == "100% of the images on /image_raw are lost before the encoder"
    assert stream.dropped == {Drop.LOST_BEFORE_ENCODER: 3}


def test_few_lost_ones_of_many_are_no_problem(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("jcc_ros.nodes.stream.time.monotonic", lambda: now)
    for _ in range(100):  # ten a second
        now += 0.1
        stream._take(Image())
    stream._lost(2)
    assert stream.problem() == "nobody subscribes to /image_raw/latent"
    stream._lost(20)
    assert stream.problem() == "18% of the images on /image_raw are lost before the encoder"


def test_images_that_cannot_be_encoded_are_told_once(stream: Stream) -> None:
    stream.dropped[Drop.UNUSABLE_IMAGE] += 2
    assert stream.problem() == "images on /image_raw cannot be encoded"
    assert stream.problem() == "nobody subscribes to /image_raw/latent"
