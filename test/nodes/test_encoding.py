"""What becomes of an image message: a packet, or the reason why there is none."""

import numpy as np
import pytest
from harness import DIGITS, ROOT, as_compressed

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.outbox import Bundle
from jcc_ros.codec.packet import MAX_PAYLOAD
from jcc_ros.codec.sender import Sender
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder
from jcc_ros.nodes.encoding import Dropped, encode
from jcc_ros.nodes.images import rgb8_image
from jcc_ros.nodes.stamps import to_time

STAMP = 5 * 10**9 + 7
TOPIC = "front"


class Link:
    """A sender and what it has sent."""

    def __init__(self, model: EncoderModel) -> None:
        self.sent: list[Bundle] = []
        self.sender = Sender(model.codec, lambda topic, bundle: self.sent.append(bundle))


@pytest.fixture(scope="module")
def model() -> EncoderModel:
    return load_encoder(DIGITS)


@pytest.fixture
def link(model: EncoderModel) -> Link:
    return Link(model)


def test_raw_and_compressed_images_become_packets(
    model: EncoderModel, link: Link, few: np.ndarray
) -> None:
    for message in (rgb8_image(few[0]), as_compressed(few[0], ".png")):
        message.header.stamp = to_time(STAMP)
        message.header.frame_id = "left eye"
        point = encode(model, link.sender, TOPIC, message, 0.0, Budget())
        link.sender.flush(TOPIC)
        (bundle,) = link.sent
        assert (bundle.stamp, bundle.frame_id) == (STAMP, "left eye")
        assert bundle.data == model.codec.encode(model.latent(few[0]), point).to_bytes()
        link.sent.clear()


def test_what_is_not_paid_for_is_not_even_looked_at(
    model: EncoderModel, link: Link, few: np.ndarray
) -> None:
    budget = Budget(max_fps=1.0)
    assert isinstance(encode(model, link.sender, TOPIC, rgb8_image(few[0]), 0.0, budget), int)
    unusable = rgb8_image(few[0])
    unusable.encoding = "nv24"
    assert encode(model, link.sender, TOPIC, unusable, 0.1, budget) == Dropped(Drop.MAX_FPS)


def test_an_unusable_image_is_told_and_costs_nothing(
    model: EncoderModel, link: Link, few: np.ndarray
) -> None:
    budget = Budget(bitrate=100.0)  # one frame, and then none for long
    unusable = rgb8_image(few[0])
    unusable.encoding = "nv24"
    dropped = encode(model, link.sender, TOPIC, unusable, 0.0, budget)
    assert isinstance(dropped, Dropped)
    assert dropped.reason == Drop.UNUSABLE_IMAGE
    assert "nv24" in dropped.problem
    message = rgb8_image(few[0])
    assert isinstance(encode(model, link.sender, TOPIC, message, 0.1, budget), int)
    assert encode(model, link.sender, TOPIC, message, 0.2, budget) == Dropped(Drop.RATE)


def test_a_payload_that_no_packet_holds_is_told(
    model: EncoderModel, link: Link, few: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = type(model.codec.ladder[0].table)
    monkeypatch.setattr(table, "encode", lambda self, symbols: bytes(MAX_PAYLOAD + 1))
    dropped = encode(model, link.sender, TOPIC, rgb8_image(few[0]), 0.0, Budget())
    assert dropped == Dropped(Drop.OVERSIZED, "payload of 2048 bytes, a packet holds at most 2047")


@pytest.mark.parametrize("drop", Drop)
def test_every_reason_is_documented(drop: Drop) -> None:
    assert f"`{drop.value}`" in (ROOT / "docs" / "components.md").read_text()
