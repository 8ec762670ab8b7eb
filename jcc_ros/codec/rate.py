"""The rate controller: which frames to send, at which operating point, how many in a message.

A hierarchical token bucket: every image topic has a bucket of bits that fills at its share of the
target, and all together have one that fills at the target. A frame is paid out of both; both are
emptied by what is really sent, so errors of the estimates never add up. They fill a little more
slowly where a single message is so large beside the target that one more of them would break the
bound on any 30 s. What a topic does not need for all its frames at the best point is shared among
the others. Out of the buckets

    plan    the combination of operating point, frames per message and frame rate with the most
            correct labels a second (frame rate x expected accuracy) that the share pays for;
    admit   frame by frame: the plan's point, or a finer one when saved bits pay for it, or nothing.

Times are seconds of any steady clock, so that a jump of the ROS clock cannot stall it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
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

    Among equals the one with fewer frames in a message, then with fewer bits: less delay, and bits
    to spare, of which `admit` makes finer points.

    Args:
        ladder: with accuracies that do not fall, see `rising`.
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


def rising(ladder: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """Return the points with accuracies that do not fall as the bits rise (isotonic regression).

    Calibration keeps a point only for a lower cross-entropy than that of every cheaper one. Where
    it is right on fewer validation images all the same, there were too few of them to tell: such
    neighbours share their mean (pool adjacent violators; Ayer et al., Annals of Mathematical
    Statistics 26, 1955).
    """
    pools: list[tuple[float, int]] = []  # mean accuracy, points
    for point in ladder:
        mean, count = point.accuracy, 1
        while pools and pools[-1][0] > mean:
            before, others = pools.pop()
            mean, count = (mean * count + before * others) / (count + others), count + others
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    return [replace(point, accuracy=mean) for point, mean in zip(ladder, means, strict=True)]


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
        self.seen = now
        self.gap = _WINDOW / _PATIENCE  # s between the last two frames; until then, long
        self.interval, self.timed = _ASSUMED_INTERVAL, False
        self.overhead = 0.0  # bits of its message without packets
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
        self._ladder = rising(ladder)
        self._topics: dict[str, _Topic] = {}
        self._bucket: float | None = None  # bits, of all topics together; None while nothing limits
        # Since the last frame of any topic:
        self._filled = 0.0  # s, when that came
        self._target = math.inf  # bit/s
        self._shares: dict[str, float] = {}  # bit/s
        self._steady = _STEADY  # of target and shares, what flows in
        self._most = 0.0  # bits that the bucket of all may hold

    def forget(self, topic: str) -> None:
        """Stop counting a topic; frames of it that wait are not sent."""
        state = self._topics.pop(topic, None)
        if state is not None and self._bucket is not None:
            self._bucket += state.reserved
        self._shares.pop(topic, None)

    def plan(self, topic: str) -> Plan:
        """Return the plan that the topic's last frame was judged by."""
        return self._topics[topic].plan

    def admit(self, topic: str, now: float, overhead: float, budget: Budget) -> int | Drop:
        """Return the operating point for a frame that arrived `now`, or why to drop it.

        Args:
            overhead: bits of the topic's message without packets.
        """
        self._fill(now)
        state = self._arrival(topic, now)
        state.overhead = overhead
        self._target, self._shares = budget.bitrate, self._divide(now, budget)
        pause = 1 / budget.max_fps
        if now < state.turn + pause:
            return Drop.MAX_FPS
        fps, share = min(budget.max_fps, state.fps), self._shares[topic]
        state.plan = best_plan(self._ladder, _STEADY * share, fps, overhead, budget)
        if math.isinf(share):
            chosen: int | Drop = len(self._ladder) - 1
        else:
            self._steady = self._inflow()
            if self._steady < 0.999 * _STEADY:  # less than rounding makes it
                state.plan = best_plan(self._ladder, self._steady * share, fps, overhead, budget)
            chosen = self._spend(state, share)
        if isinstance(chosen, int):
            # Half a pause of patience, or a camera at just max_fps would lose frames to jitter.
            state.turn = max(state.turn + pause, now - pause / 2)
        return chosen

    def charge(self, topic: str, bits: float) -> None:
        """Take what was really sent out of the buckets, in place of what was expected."""
        state = self._topics.get(topic)
        if state is not None and state.bucket is not None and self._bucket is not None:
            state.bucket += state.reserved - bits
            self._bucket += state.reserved - bits
            state.reserved = 0.0

    def _arrival(self, topic: str, now: float) -> _Topic:
        state = self._topics.get(topic)
        if state is None:
            state = self._topics[topic] = _Topic(now)
            return state
        # Silence is no frame rate, but slow cameras are slow: what is longer than ever before may
        # be either.
        usual = max(_SILENT, _PATIENCE * state.gap)
        state.gap = min(now - state.seen, _WINDOW)
        gap = min(state.gap, usual)
        if gap > 0:
            memory = _MEMORY if state.timed else 0.0
            state.interval, state.timed = memory * state.interval + (1 - memory) * gap, True
        state.seen = now
        return state

    def _fill(self, now: float) -> None:
        """Let the bits come in that the target has paid for since the last frame of any topic."""
        if math.isinf(self._target):
            self._bucket = None
            for state in self._topics.values():
                state.bucket = None
        else:
            passed = self._steady * (now - self._filled)
            for name, share in self._shares.items():
                state = self._topics[name]
                if state.bucket is not None:
                    state.bucket = min(state.bucket + share * passed, self._most_of(state, share))
            if self._bucket is not None:
                self._bucket = min(self._bucket + self._target * passed, self._most)
        self._filled = now

    def _divide(self, now: float, budget: Budget) -> dict[str, float]:
        """Return the part of the target, bit/s, of each topic of which a frame is to be expected.

        By weight, but who needs less gets no more, as long as others need what is left; what
        nobody needs is shared by weight again.
        """
        awake = [name for name, state in self._topics.items() if state.active(now)]
        weights = {name: budget.weights.get(name, 1) for name in awake}
        if len(weights) == 1 or math.isinf(budget.bitrate):
            return dict.fromkeys(weights, budget.bitrate)
        needs = {name: self._need(self._topics[name], budget) for name in weights}
        left, hungry = budget.bitrate, dict(weights)
        while hungry:
            a_weight = left / sum(hungry.values())
            sated = [name for name in hungry if needs[name] <= a_weight * weights[name]]
            if not sated:
                return {**needs, **{name: a_weight * hungry[name] for name in hungry}}
            for name in sated:
                left -= needs[name]
                del hungry[name]
        total = sum(weights.values())
        return {name: needs[name] + left * weights[name] / total for name in weights}

    def _need(self, state: _Topic, budget: Budget) -> float:
        """Return the share, bit/s, out of which every frame goes at the best point."""
        fps = min(budget.max_fps, state.fps)
        return (fps + 1 / _WINDOW) * frame_bits(self._ladder[-1], 1, state.overhead) / self._steady

    def _inflow(self) -> float:
        """Return the part of the target that fills the buckets as long as the plans hold."""
        # A window may hold, besides what comes in, a full bucket and messages that were waiting.
        waiting = 0.0
        for name in self._shares:
            state = self._topics[name]
            if state.plan.frames > 1:
                waiting += (state.plan.frames - 1) * self._cost(state, state.plan.point)
        besides = (self._most_of_all() + waiting) / _WINDOW
        return min(1.0, max(0.5, 1 + _EXCESS - besides / self._target))

    def _most_of_all(self) -> float:
        """Return the bits that the bucket of all topics may hold."""
        span, dearest = _WINDOW, 0.0
        for name in self._shares:
            state = self._topics[name]
            span = min(span, self._span(state))
            dearest = max(dearest, self._cost(state, state.plan.point))
        return max(_BURST * self._target, dearest + self._target * span)

    def _most_of(self, state: _Topic, share: float) -> float:
        """Return the bits that the topic's bucket may hold."""
        most = self._cost(state, state.plan.point) + share * self._span(state)
        return max(_BURST * share, most)

    def _span(self, state: _Topic) -> float:
        """Return the s between two frames of a topic, of which what comes in must have room."""
        # On top of a frame, or it would be lost: to a slow camera all of whose frames are paid for
        # it may be.
        return state.interval if state.plan.limited else min(state.interval, _BURST)

    def _cost(self, state: _Topic, point: int) -> float:
        return frame_bits(self._ladder[point], state.plan.frames, state.overhead)

    def _spend(self, state: _Topic, share: float) -> int | Drop:
        plan, cost = state.plan, partial(self._cost, state)
        most, self._most = self._most_of(state, share), self._most_of_all()
        if state.bucket is None:
            state.bucket, state.reserved = cost(plan.point), 0.0
        if self._bucket is None:
            self._bucket = cost(plan.point)
        state.bucket, self._bucket = min(state.bucket, most), min(self._bucket, self._most)
        saved = min(state.bucket, self._bucket)
        # Half of the burst stays in reserve: it pays for jitter, not for finer points.
        spare = min(state.bucket - most / 2, self._bucket - self._most / 2)
        finer = range(plan.point + 1, len(self._ladder))
        chosen = max((p for p in finer if cost(p) <= spare), default=plan.point)
        if cost(chosen) > saved and not plan.limited:
            # The share pays for every frame on average: rather a coarser one now than none.
            chosen = max((p for p in range(chosen) if cost(p) <= saved), default=chosen)
        if cost(chosen) > saved:
            return Drop.RATE
        state.bucket -= cost(chosen)
        self._bucket -= cost(chosen)
        state.reserved += cost(chosen)
        return chosen
