"""The rate controller: which frames to send, at which operating point, how many in a message.

Every image topic has a bucket of bits that fills at the topic's share of the target and is emptied
by what is really sent, so errors of the estimates never add up. It fills a little more slowly where
a single message is so large beside the target that one more of them would break the bound on any
30 s. Out of it

    plan    the combination of operating point, frames per message and frame rate with the most
            correct labels a second (frame rate x expected accuracy) that the share pays for;
    admit   frame by frame: the plan's point, or a finer one when saved bits pay for it, or nothing.

Times are seconds of any steady clock, so that a jump of the ROS clock cannot stall it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from jcc_ros.codec.ladder import OperatingPoint
from jcc_ros.codec.packet import FRAMING, MAX_PACKETS

_PACKET_BITS = 8 * FRAMING
_OFFSET_BITS = 8 * 4  # time offset of a frame that shares a message with an earlier one
_SILENT = 1.0  # s without a frame until a topic's share goes to the others; at the least
_PATIENCE = 1.5  # of the time between its last two frames, until then
_BURST = 1.0  # s of its share that a topic may save up
_WINDOW, _EXCESS = 30.0, 0.02  # in no window of so many s is the target exceeded by more
_STEADY = 1 + _EXCESS - _BURST / _WINDOW  # of a share, what may flow in all the time
_ASSUMED_INTERVAL = 1 / 30  # s, until two frames have told
_MEMORY = 0.9  # of the frame interval's moving average


class Drop(Enum):
    """Why the controller drops a frame."""

    RATE = "rate"
    MAX_FPS = "max_fps"


@dataclass(frozen=True)
class Budget:
    """What the user asks for.

    Attributes:
        bitrate: bit/s at the IP layer for all topics together, infinite for no limit.
        max_fps: frames a second and topic, infinite for no limit.
        frames_per_message: at the most.
        max_delay: s that a frame may wait for others to share its message.
        weights: shares of the topics in the bit rate, relative to each other; 1 if not named.
    """

    bitrate: float = math.inf
    max_fps: float = math.inf
    frames_per_message: int = 1
    max_delay: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How a topic uses its share.

    Attributes:
        point: index of the operating point.
        frames: in one message.
        fps: frames a second to send.
        limited: the share does not pay for every frame.
    """

    point: int
    frames: int
    fps: float
    limited: bool


def best_plan(
    ladder: Sequence[OperatingPoint], share: float, fps: float, overhead: float, budget: Budget
) -> Plan:
    """Return the plan with the most expected correct labels a second.

    Among equals the one with fewer frames in a message, then with fewer bits: less delay, less
    traffic.

    Args:
        share: bit/s for this topic.
        fps: frames a second that arrive.
        overhead: bits of a message without packets.
    """
    best, most = (0, 1, 0.0), -1.0
    for frames in range(1, min(budget.frames_per_message, MAX_PACKETS) + 1):
        besides = _besides_payload(frames, overhead)
        for index, point in enumerate(ladder):
            sent = min(fps, share / (point.bits + besides))
            if frames > 1 and (frames - 1) > budget.max_delay * sent:
                continue
            if sent * point.accuracy > most * (1 + 1e-9):
                best, most = (index, frames, sent), sent * point.accuracy
    index, frames, sent = best
    return Plan(index, frames, sent, limited=sent < fps)


def frame_bits(point: OperatingPoint, frames: int, overhead: float) -> float:
    """Return the expected bits of one frame at `point` when `frames` of them share a message."""
    return point.bits + _besides_payload(frames, overhead)


def _besides_payload(frames: int, overhead: float) -> float:
    """Return the bits of one frame besides its payload when `frames` of them share a message."""
    return _PACKET_BITS + (overhead + _OFFSET_BITS * (frames - 1)) / frames


class _Topic:
    """What the controller knows of one image topic."""

    def __init__(self, now: float) -> None:
        self.bucket: float | None = None  # bits; None while nothing limits
        self.reserved = 0.0  # bits of admitted frames that wait for others to share their message
        self.filled = self.seen = now
        self.gap = _WINDOW / _PATIENCE  # s between the last two frames; until then, long
        self.interval, self.timed = _ASSUMED_INTERVAL, False
        self.turn = -math.inf  # s, when max_fps last let a frame pass
        self.plan = Plan(0, 1, 0.0, False)

    @property
    def fps(self) -> float:
        return 1 / self.interval

    def active(self, now: float) -> bool:
        """Say whether a frame is still to be expected: of slow cameras, that take turns, too."""
        return now - self.seen < max(_SILENT, _PATIENCE * self.gap)


class RateController:
    """Shares a budget among image topics and decides on every frame.

    Args:
        ladder: of the model.
    """

    def __init__(self, ladder: Sequence[OperatingPoint]) -> None:
        self._ladder = ladder
        self._topics: dict[str, _Topic] = {}

    def forget(self, topic: str) -> None:
        """Stop counting a topic."""
        self._topics.pop(topic, None)

    def plan(self, topic: str) -> Plan:
        """Return the plan that the topic's last frame was judged by."""
        return self._topics[topic].plan

    def admit(self, topic: str, now: float, overhead: float, budget: Budget) -> int | Drop:
        """Return the operating point for a frame that arrived `now`, or why to drop it.

        Args:
            overhead: bits of the topic's message without packets.
        """
        state = self._arrival(topic, now)
        pause = 1 / budget.max_fps
        if now < state.turn + pause:
            return Drop.MAX_FPS
        fps = min(budget.max_fps, state.fps)
        active = [name for name, other in self._topics.items() if other.active(now)]
        weights = budget.weights
        share = budget.bitrate * weights.get(topic, 1) / sum(weights.get(n, 1) for n in active)
        state.plan = plan = best_plan(self._ladder, _STEADY * share, fps, overhead, budget)
        if math.isinf(share):
            state.bucket = None
            chosen: int | Drop = plan.point
        else:
            chosen = self._spend(state, share, now, overhead)
        if isinstance(chosen, int):
            # Half a pause of patience, or a camera at just max_fps would lose frames to jitter.
            state.turn = max(state.turn + pause, now - pause / 2)
        return chosen

    def charge(self, topic: str, bits: float) -> None:
        """Take what was really sent out of the topic's bucket, in place of what was expected."""
        state = self._topics.get(topic)
        if state is not None and state.bucket is not None:
            state.bucket += state.reserved - bits
            state.reserved = 0.0

    def _arrival(self, topic: str, now: float) -> _Topic:
        state = self._topics.get(topic)
        if state is None:
            state = self._topics[topic] = _Topic(now)
            return state
        state.gap = min(now - state.seen, _WINDOW)
        # Silence is no frame rate, but slow cameras are slow.
        gap = min(state.gap, _SILENT)
        if gap > 0:
            memory = _MEMORY if state.timed else 0.0
            state.interval, state.timed = memory * state.interval + (1 - memory) * gap, True
        state.seen = now
        return state

    def _spend(self, state: _Topic, share: float, now: float, overhead: float) -> int | Drop:
        plan = state.plan

        def cost(point: int) -> float:
            return frame_bits(self._ladder[point], plan.frames, overhead)

        # What comes in between two frames must fit on top of a frame, or it would be lost.
        most = max(_BURST * share, cost(plan.point) + share * state.interval)
        if state.bucket is None:
            state.bucket, state.filled, state.reserved = cost(plan.point), now, 0.0
        # A window may hold, besides what comes in, a full bucket and a message that was waiting.
        besides = (most + (plan.frames - 1) * cost(plan.point)) / _WINDOW
        income = min(share, max(share / 2, (1 + _EXCESS) * share - besides))
        bucket = state.bucket = min(state.bucket + income * (now - state.filled), most)
        state.filled = now
        # Half of the burst stays in reserve: it pays for jitter, not for finer points.
        finer = range(plan.point + 1, len(self._ladder))
        chosen = self._best(plan.point, *(p for p in finer if cost(p) <= bucket - most / 2))
        if cost(chosen) > bucket and not plan.limited:
            # The share pays for every frame on average: rather a coarser one now than none.
            chosen = self._best(*([p for p in range(chosen) if cost(p) <= bucket] or [chosen]))
        if cost(chosen) > bucket:
            return Drop.RATE
        state.bucket -= cost(chosen)
        state.reserved += cost(chosen)
        return chosen

    def _best(self, *points: int) -> int:
        """Return the most accurate point, of equal ones the one with the fewest bits."""
        return max(points, key=lambda point: (self._ladder[point].accuracy, -point))
