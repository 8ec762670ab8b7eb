"""From admitted frames to messages: when they leave, what they hold, what they cost."""

import math
from dataclasses import replace

import numpy as np
import pytest

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.outbox import Bundle, Outbox
from jcc_ros.codec.packet import MAX_OFFSET, split
from jcc_ros.codec.rate import RateController
from jcc_ros.codec.sender import Sender
from jcc_ros.codec.wire import latent_message_bits

START = 1_700_000_000_123_456_789  # ns
PERIOD = 0.1  # s
DELAY = 0.5  # s
SHARED = Budget(bitrate=7000, frames_per_message=3, max_delay=DELAY)  # it pays to share
LATENT = np.random.default_rng(5).normal(0, 1, (8, 2, 3)).astype(np.float32)


class Link:
    """A sender, the time, and what it has sent."""

    def __init__(self, codec: LatentCodec) -> None:
        self.sender = Sender(codec, self._take)
        self.sent: list[tuple[str, Bundle, float]] = []
        self.now = 0.0

    def _take(self, topic: str, bundle: Bundle) -> None:
        self.sent.append((topic, bundle, self.now))

    def show(
        self, budget: Budget, topic: str = "front", latent: np.ndarray = LATENT, stamp: int = 0
    ) -> int | Drop:
        """Offer a frame at the time that it is, and let go what is due."""
        chosen = self.sender.admit(topic, "camera", self.now, budget)
        if not isinstance(chosen, Drop):
            stamp = stamp or START + round(self.now * 1e9)
            self.sender.add(topic, latent, chosen, stamp, "camera", self.now)
            self.sender.send_due(self.now, budget)
        return chosen


@pytest.fixture
def link(codec: LatentCodec) -> Link:
    return Link(codec)


@pytest.mark.parametrize("bitrate", [4000, 20_000, 60_000, math.inf])
@pytest.mark.parametrize("frames", [1, 4])
def test_messages_are_those_of_controller_and_outbox(
    codec: LatentCodec, link: Link, bitrate: float, frames: int
) -> None:
    """Step by step, 200 frames at 10 fps: the same decisions, the same bytes, the same times."""
    budget = Budget(bitrate=bitrate, frames_per_message=frames, max_delay=DELAY)
    controller, outbox = RateController(codec.ladder), Outbox(codec)
    expected: list[tuple[Bundle, float]] = []

    def send(now: float) -> None:
        bundle = outbox.take()
        controller.charge("front", latent_message_bits("camera", len(bundle.data)))
        expected.append((bundle, now))

    for index in range(200):
        now = index * PERIOD
        while link.sender.deadline(budget) <= now:
            link.now = link.sender.deadline(budget)
            link.sender.send_due(link.now, budget)
        link.now = now
        if outbox.deadline(DELAY) <= now:
            send(outbox.deadline(DELAY))
        chosen = controller.admit("front", now, latent_message_bits("camera", 0), budget)
        assert link.show(budget) == chosen
        if not isinstance(chosen, Drop):
            outbox.add(LATENT, chosen, START + round(now * 1e9), "camera", now)
            if len(outbox) >= controller.plan("front").frames:
                send(now)
        assert link.sender.plan("front") == controller.plan("front")
    assert [(bundle, now) for _, bundle, now in link.sent] == expected
    assert len(expected) > 10


def test_nothing_waits_for_nothing(link: Link) -> None:
    assert link.sender.deadline(SHARED) == math.inf
    link.sender.send_due(1e9, SHARED)
    link.sender.flush("front")
    assert not link.sent
    link.show(SHARED)
    for _ in range(2):
        link.sender.flush("front")
    assert [bundle.frames for _, bundle, _ in link.sent] == [1]


def test_a_complete_message_is_due_at_once(link: Link) -> None:
    added = 0
    while link.sender.deadline(SHARED) > -math.inf:
        chosen = link.sender.admit("front", "camera", link.now, SHARED)
        if not isinstance(chosen, Drop):
            stamp = START + round(link.now * 1e9)
            link.sender.add("front", LATENT, chosen, stamp, "camera", link.now)
            added += 1
        link.now += PERIOD
    assert not link.sent
    link.sender.send_due(-math.inf, SHARED)
    ((topic, bundle, _),) = link.sent
    assert (topic, bundle.frames, bundle.stamp) == ("front", added, START)
    assert added > 1
    assert link.sender.deadline(SHARED) == math.inf


@pytest.mark.parametrize("change", [{"max_delay": 0.2}, {"frames_per_message": 1}])
def test_a_changed_budget_holds_for_what_waits(link: Link, change: dict[str, float]) -> None:
    link.show(SHARED)
    changed = replace(SHARED, **change)
    assert link.sender.deadline(SHARED) == DELAY
    assert link.sender.deadline(changed) < DELAY
    link.sender.send_due(0.2, changed)
    assert [bundle.frames for _, bundle, _ in link.sent] == [1]


def test_topics_do_not_share_messages(link: Link) -> None:
    for topic in ("front", "rear"):
        link.show(SHARED, topic)
        link.now += 0.1
    assert not link.sent
    link.sender.send_due(DELAY, SHARED)
    assert [topic for topic, _, _ in link.sent] == ["front"]
    assert link.sender.deadline(SHARED) == 0.1 + DELAY
    link.sender.flush("rear")
    assert [(topic, bundle.frames) for topic, bundle, _ in link.sent] == [("front", 1), ("rear", 1)]


@pytest.mark.parametrize("stamp", [START, START - 1, START + MAX_OFFSET + 1])
def test_a_frame_that_cannot_join_sends_what_waits(link: Link, stamp: int) -> None:
    for latest in (START, stamp):
        chosen = link.sender.admit("front", "camera", link.now, SHARED)
        assert not isinstance(chosen, Drop)
        link.sender.add("front", LATENT, chosen, latest, "camera", link.now)
        link.now += 1.0
    ((_, bundle, _),) = link.sent
    assert (bundle.stamp, bundle.frames) == (START, 1)
    link.sender.flush("front")
    assert link.sent[1][1].stamp == stamp


def test_a_frame_that_cannot_be_encoded_costs_nothing(codec: LatentCodec) -> None:
    """Another shape stands for whatever the codec refuses."""
    with_it, without = Link(codec), Link(codec)
    budget = Budget(bitrate=4000)
    decisions = []
    for link in (with_it, without):
        assert not isinstance(link.sender.admit("front", "camera", 0.0, budget), Drop)
    with pytest.raises(ValueError, match="expected"):
        with_it.sender.add("front", LATENT[:1], 0, START, "camera", 0.0)
    without.sender.withdraw("front")
    for link in (with_it, without):
        decisions.append([])
        for index in range(1, 50):
            link.now = index * PERIOD
            decisions[-1].append(link.show(budget))
    assert decisions[0] == decisions[1]
    assert with_it.sent == without.sent
    assert decisions[0][0] != Drop.RATE  # an encoded one would have emptied the bucket


def test_what_is_forgotten_is_not_sent(link: Link) -> None:
    link.show(SHARED)
    link.sender.forget("front")
    assert link.sender.deadline(SHARED) == math.inf
    link.sender.flush("front")
    assert not link.sent
    link.show(SHARED)
    link.sender.flush("front")
    assert link.sent[0][1].frames == 1


def test_wire_bits_are_those_of_the_message(link: Link) -> None:
    while not link.sent:
        link.show(SHARED)
        link.now += PERIOD
    ((_, bundle, _),) = link.sent
    assert bundle.frames > 1
    assert bundle.wire_bits == latent_message_bits("camera", len(bundle.data))
    assert sum(8 * len(packet.payload) for packet in split(bundle.data)) == bundle.payload_bits
