"""Congestion control: how many bits a second the link carries, from what receivers report.

    encoder --messages--> link, its queue --> classifier
       ^                                          |
       +------------- a report a second ----------+

A message that waits or is lost shows that more is sent than gets through. The method is that of
Google Congestion Control (draft-ietf-rmcat-gcc-02, sections 5 and 6), in a simple form: on delay or
loss the estimate falls to 85 % of what arrived; otherwise it grows, slowly where the link was full
the last time. While messages wait, a part of the estimate is sent, so that the queue drains.
The delay of an empty queue is the least one of the last minutes, as in LEDBAT (RFC 6817), so that
only differences count and the clocks of both ends need not agree. When reports stay away the
estimate is halved, as by the no-feedback timer of TFRC (RFC 5348, section 4.4).

Two things are not taken for congestion: a delay that stays although less is sent and all of it
arrives (a step of a clock, a longer way, someone else's queue), and a loss that stays although
less is sent (a bad radio). A few messages tell the latter, and then as much is sent as before.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jcc_ros.codec.reception import Report

_DECREASE = 0.85  # of what arrived
_STEP = 0.6  # of the estimate before, at the least
_INCREASE = 1.2  # a second
_CREEP, _NEAR = 1.04, (0.85, 1.5)  # a second, this near to what the link carried when it was full
_CALM = 5.0  # s
_LOSS = 0.1  # of the messages; more is congestion
_EVIDENCE = 20  # messages that tell a loss
_CHANCE = 2.5  # standard deviations
_TRIAL = 10  # messages that tell whether losses stay
_REST = 0.03  # of the messages may get lost even where less is sent than gets through
_STAY, _LEAVE = 1.0, -5.0  # log of the odds; to be wrong about a bad radio costs more
_RECOVERY = 0.99  # of what a bad radio loses, a report; it may become better
_QUEUE = 0.1  # s that messages may wait, besides for one of their own kind
_NOISE = 0.02  # s by which a delay changes for no reason
_MATCH = 0.9  # of what was sent: all of it, give or take
_RELIEF = 0.25  # of the estimate, the least that is sent while messages wait
_BASE_WINDOW = 120.0  # s
_LOSS_WINDOW = 10.0  # s
_SHORTEST = 0.3  # s between messages that tell a rate
_FRESH = 2.5  # s that a report counts
_SILENCE = 4.0  # s of messages without a report until less is sent
_GAP = 1.0  # s between messages that count for it, at the most: who sends nothing hears nothing
_GONE = 60.0  # s without a report until there is none to be expected
_MAX_PATHS = 1024  # of all topics to all receivers
_LEAST = 1000.0  # bit/s; a message now and then has to find out how the link is
_UNUSED = 2.0  # an estimate of so many times what is sent limits nothing


class _Log:
    """What was sent on one topic: when, and how many bits up to there."""

    def __init__(self) -> None:
        self._first = 0  # sequence number of the first entry
        self._entries: deque[tuple[float, float]] = deque([(-math.inf, 0.0)])

    def add(self, now: float, bits: float) -> None:
        self._entries.append((now, self._entries[-1][1] + bits))
        while self._entries[0][0] < now - _GONE:
            self._entries.popleft()
            self._first += 1

    def __getitem__(self, sequence: int) -> tuple[float, float]:
        return self._entries[sequence - self._first]

    def __contains__(self, sequence: int) -> bool:
        return self._first <= sequence < self._first + len(self._entries)


@dataclass(frozen=True)
class _Interval:
    """What became of the messages between two reports.

    Attributes:
        begin: when they began to be sent, s.
        reported: when the sender learnt of them, s.
        sent, arrived: how many.
        sent_rate, arrived_rate: bit/s.
        bits: of one, mean.
    """

    begin: float
    reported: float
    sent: int
    arrived: int
    sent_rate: float
    arrived_rate: float
    bits: float

    @property
    def complete(self) -> bool:
        """Whether all of them arrived, as fast as they were sent."""
        return self.arrived == self.sent and self.arrived_rate >= _MATCH * self.sent_rate


class _Path:
    """The way of one topic to one receiver."""

    def __init__(self) -> None:
        self.heard = -math.inf  # when the last report came
        self._last: Report | None = None
        self._delays: deque[tuple[float, float]] = deque()  # least ones of what follows them
        self.queue = 0.0  # s that messages wait
        self.drains = False
        self.intervals: deque[_Interval] = deque()

    def measure(self, log: _Log, report: Report, now: float) -> bool:
        """Add an interval, unless what came of the messages cannot be told; say whether."""
        self._note_delay(report.delay, now)
        last = self._last
        if last is None or last.sequence not in log or not last.arrived < report.arrived:
            self._last = report
            return False
        sent, arrived = report.sequence - last.sequence, report.messages - last.messages
        if not 0 < arrived <= sent:
            self._last = report
            return False
        (begin, bits_before), (end, bits_after) = log[last.sequence], log[report.sequence]
        duration = report.arrived - last.arrived
        if min(end - begin, duration) < _SHORTEST:
            return False
        self._last = report
        bits = bits_after - bits_before
        self.intervals.append(
            _Interval(
                begin=begin,
                reported=now,
                sent=sent,
                arrived=arrived,
                sent_rate=bits / (end - begin),
                arrived_rate=bits * arrived / sent / duration,
                bits=bits / sent,
            )
        )
        while self.intervals[0].reported < now - _LOSS_WINDOW:
            self.intervals.popleft()
        return True

    def fresh(self, now: float) -> bool:
        """Say whether the last interval is worth considering."""
        return bool(self.intervals) and now - self.intervals[-1].reported < _FRESH

    def accept_delay(self) -> None:
        """Take the delay as it is now for that of an empty queue."""
        self._delays = deque([self._delays[-1]])
        self.queue = 0.0

    def _note_delay(self, delay: float, now: float) -> None:
        while self._delays and self._delays[-1][1] >= delay:
            self._delays.pop()
        self._delays.append((now, delay))
        while self._delays[0][0] < now - _BASE_WINDOW:
            self._delays.popleft()
        queue = delay - self._delays[0][1]
        self.drains = queue < self.queue - _NOISE
        self.queue = queue


@dataclass
class _Receiver:
    """What is done for one receiver: another one's way tells nothing about its queue.

    Attributes:
        relief: share of the estimate that is sent, so that queues drain.
        waits: less is sent because messages wait.
    """

    relief: float = 1.0
    waits: bool = False


class _Losses:
    """Tells losses of a full link from those of a bad radio, which stay when less is sent."""

    def __init__(self) -> None:
        self._tolerated = 0.0  # share of the messages that a bad radio loses

    def too_many(self, runs: Iterable[tuple[int, int]]) -> float:
        """Return the share of the messages that was lost if that is too many, otherwise 0.

        Args:
            runs: messages sent and arrived, of the last time and of longer and longer ones.
        """
        self._tolerated *= _RECOVERY
        for sent, arrived in runs:
            lost = 1 - arrived / sent
            chance = _CHANCE * math.sqrt(lost * (1 - lost) / sent)
            if sent >= _EVIDENCE and lost - chance > _LOSS + self._tolerated:
                return lost
        return 0.0

    def stay(self, before: float, sent: int, arrived: int) -> bool | None:
        """Say whether losses stay although less is sent, None while that may be chance.

        Args:
            before: share of the messages that was lost until then.
            sent, arrived: messages since then.
        """
        if sent < _TRIAL:
            return None
        lost = sent - arrived
        # What gives rise to the question is more than the mean of a bad radio.
        share = before / 2
        odds = lost * math.log(share / _REST) + arrived * math.log((1 - share) / (1 - _REST))
        if odds >= _STAY:
            self._tolerated = (before + lost / sent) / 2
            return True
        return False if odds <= _LEAVE else None


@dataclass(frozen=True)
class _Trial:
    """Less is sent because of losses, to see whether they stay.

    Attributes:
        receiver: that reported them.
        lost: share of the messages.
        estimate, full: before it.
    """

    receiver: int
    lost: float
    estimate: float
    full: float


class CongestionControl:
    """Estimates what the link carries. Times are seconds of any steady clock.

    One estimate for all topics and receivers: whoever has the narrowest way decides.
    """

    def __init__(self) -> None:
        self._estimate = math.inf  # bit/s
        self._full = 0.0  # bit/s that the link carried when it was full; 0 while that is not known
        self._logs: dict[str, _Log] = {}
        self._paths: dict[tuple[int, str], _Path] = {}
        self._receivers: dict[int, _Receiver] = {}
        self._losses = _Losses()
        self._trial: _Trial | None = None
        self._judged = self._decreased = self._disturbed = -math.inf  # when, the last time
        self._heard = -math.inf  # when the last report came
        self._sent = -math.inf  # when the last message was sent
        self._silence = self._unheard = 0.0  # s, and bits sent in them, since the last report

    def sent(self, topic: str, bits: float, now: float) -> None:
        """Note a message."""
        self._logs.setdefault(topic, _Log()).add(now, bits)
        self._silence += min(now - self._sent, _GAP)
        self._unheard += bits
        self._sent = now

    def forget(self, topic: str) -> None:
        """Forget a topic; its messages will be counted from 1 again."""
        self._logs.pop(topic, None)
        for key in [key for key in self._paths if key[1] == topic]:
            del self._paths[key]

    def reported(self, topic: str, report: Report, now: float) -> None:
        """Learn from a report; one that cannot be true is ignored."""
        log = self._logs.get(topic)
        if log is None or report.sequence not in log or not math.isfinite(report.delay):
            return
        self._heard = now
        self._silence = self._unheard = 0.0
        # Receivers that were restarted have other numbers, and anybody may invent some.
        self._paths = {key: p for key, p in self._paths.items() if p.heard > now - _GONE}
        if len(self._paths) >= _MAX_PATHS and (report.receiver, topic) not in self._paths:
            return
        path = self._paths.setdefault((report.receiver, topic), _Path())
        path.heard = now
        self._receivers = {
            receiver: self._receivers.get(receiver) or _Receiver() for receiver, _ in self._paths
        }
        if path.measure(log, report, now):
            self._judge(report.receiver, path, now)

    def limit(self, now: float) -> float:
        """Return the bit/s that may be sent for all topics together, infinite without a limit."""
        if now - self._heard > _GONE:
            self._paths.clear()
            self._receivers.clear()
            self._estimate, self._full, self._trial = math.inf, 0.0, None
        elif self._silence > _SILENCE:
            self._decrease(min(self._estimate, self._unheard / self._silence) / 2, now)
            self._silence = self._unheard = 0.0
        relief = min((receiver.relief for receiver in self._receivers.values()), default=1.0)
        return max(_LEAST, relief * self._estimate)

    def _judge(self, receiver: int, path: _Path, now: float) -> None:
        """Move the estimate after a report on a path."""
        passed, self._judged = min(1.0, now - self._judged), now
        interval = path.intervals[-1]
        paths = [
            other
            for (owner, _), other in self._paths.items()
            if owner == receiver and other.fresh(now)
        ]
        # Messages of two topics that always leave together wait for each other, not in a queue.
        queue = min(other.queue for other in paths)
        excess = queue - _QUEUE - interval.bits / self._estimate
        state = self._receivers[receiver]
        state.relief = min(1.0, max(_RELIEF, 1.0 - excess))
        if excess > 0:
            self._disturbed = now
        since = sum(i.begin >= self._decreased for i in path.intervals)
        if not since:
            return  # what was sent before the last decrease tells nothing about it
        if excess > 0 and state.waits and interval.complete:
            # It drains, or it is too early to tell, or less is sent and it makes no difference.
            if since > 1 and not path.drains:
                path.accept_delay()
                state.waits = False
            return
        state.waits = excess > 0
        sent = sum(other.intervals[-1].sent_rate for other in paths)
        if state.waits:
            self._be_full(sum(other.intervals[-1].arrived_rate for other in paths), now)
            return
        runs = self._last_messages(paths)
        if self._trial is None:
            lost = self._losses.too_many(runs)
            if lost:
                trial = _Trial(receiver, lost, self._estimate, self._full)
                self._be_full((1 - lost) * sent, now)
                self._trial = trial
                return
        elif not self._concluded(self._trial, receiver, runs, now):
            return
        near = _NEAR[0] * self._full < self._estimate < _NEAR[1] * self._full
        self._estimate *= (_CREEP if near else _INCREASE) ** passed
        if now - self._disturbed > _CALM and self._estimate > _UNUSED * sent:
            self._estimate, self._full = math.inf, 0.0

    def _concluded(
        self, trial: _Trial, receiver: int, runs: Iterable[tuple[int, int]], now: float
    ) -> bool:
        """Say whether a trial is over; if losses stay, send as much as before."""
        stay = None
        if receiver == trial.receiver:
            *_, (sent, arrived) = runs
            stay = self._losses.stay(trial.lost, sent, arrived)
        if stay is None and now - self._decreased < _LOSS_WINDOW:
            return False
        if stay:
            self._estimate, self._full = trial.estimate, trial.full
        self._trial = None
        return True

    def _last_messages(self, paths: list[_Path]) -> Iterator[tuple[int, int]]:
        """Yield how many messages were sent and arrived, over more and more of the last intervals.

        What was sent before the last decrease does not count.
        """
        sent = arrived = 0
        intervals = [i for path in paths for i in path.intervals if i.begin >= self._decreased]
        for interval in sorted(intervals, key=lambda i: i.begin, reverse=True):
            sent, arrived = sent + interval.sent, arrived + interval.arrived
            yield sent, arrived

    def _be_full(self, arrived: float, now: float) -> None:
        """Send less because no more than that gets through."""
        self._full = (self._full + arrived) / 2 if self._full else arrived
        self._decrease(_DECREASE * arrived, now)

    def _decrease(self, estimate: float, now: float) -> None:
        # By and by: a burst of others takes the link for a moment only.
        least = _LEAST if math.isinf(self._estimate) else max(_LEAST, _STEP * self._estimate)
        self._estimate = min(self._estimate, max(least, estimate))
        self._decreased = self._disturbed = now
        self._trial = None
