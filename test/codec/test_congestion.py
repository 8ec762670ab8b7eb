"""Congestion control on a simulated link: a queue of limited length that is emptied at a rate.

What reports lead to one by one is tested without a link, by reports that are made up.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count, pairwise

import numpy as np
import pytest

from jcc_ros.codec.congestion import CongestionControl, _Losses
from jcc_ros.codec.reception import Reception, Report

MESSAGE = 1632.0  # bit
CLOCKS = 1e6  # s between the clocks of both ends


class Link:
    """Sender, link and receivers.

    Args:
        carries: bit/s at a time.
        target: bit/s that would be sent without congestion control.
        fps: messages a second and topic that could be sent.
        queue: s that the last message of a full queue waits.
        loss: share of the messages that get lost for no reason.
        receivers: each gets every message and reports on it.
        other: bits of a message that somebody else sends every 3 s.
        jitter: s by which a message is late, at the most.
        seed: of losses and jitter.
    """

    def __init__(
        self,
        carries: Callable[[float], float],
        target: float = 16e3,
        fps: float = 15.0,
        topics: int = 1,
        queue: float = 0.4,
        loss: float = 0.0,
        receivers: int = 1,
        other: float = 0.0,
        jitter: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.carries, self.target, self.fps = carries, target, fps
        self.control = CongestionControl()
        self.topics = [f"camera {index}" for index in range(topics)]
        self.silent: set[str] = set()
        self.clocks = CLOCKS
        self.ahead = 0.0  # s by which the clock of receiver 2 is ahead of the others'
        self.reporting = True
        self.receivers = {
            receiver: {topic: Reception(receiver) for topic in self.topics}
            for receiver in range(1, 1 + receivers)
        }
        self.sent: list[tuple[float, float]] = []  # (time, bits)
        self.arrived: list[tuple[float, float]] = []  # (time sent, s on the way)
        self.estimates: list[tuple[float, float]] = []
        self._sequences = dict.fromkeys(self.topics, 0)
        self._queue, self._loss, self._other, self._jitter = queue, loss, other, jitter
        self._free = 0.0  # when the link has sent all that it holds
        self._bucket = 0.0
        self._filled = 0.0
        self._rng = np.random.default_rng(seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        for index, topic in enumerate(self.topics):
            self._at(index / fps / topics, lambda now, topic=topic: self._frame(topic, now))
        self._at(0.5, self._report)
        if other:
            self._at(1.0, self._disturb)

    def play(self, end: float) -> "Link":
        """Let time pass."""
        while self._events[0][0] < end:
            now, _, act = heapq.heappop(self._events)
            act(now)
        return self

    def rate(self, begin: float, end: float) -> float:
        return sum(bits for at, bits in self.sent if begin <= at < end) / (end - begin)

    def delay(self, begin: float, end: float) -> float:
        return float(np.median([delay for at, delay in self.arrived if begin <= at < end]))

    def delivered(self, begin: float, end: float) -> float:
        """Return the share of the messages that arrived."""
        sent = sum(begin <= at < end for at, _ in self.sent)
        return sum(begin <= at < end for at, _ in self.arrived) / sent

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), act))

    def _frame(self, topic: str, now: float) -> None:
        self._at(now + 1 / self.fps, lambda later: self._frame(topic, later))
        if topic in self.silent:
            return
        limit = min(self.target, self.control.limit(now))
        self.estimates.append((now, limit))
        if math.isfinite(limit):
            income = limit * (now - self._filled)
            self._bucket = min(self._bucket + income, MESSAGE + limit / 4)
            self._filled = now
            if self._bucket < MESSAGE:
                return
            self._bucket -= MESSAGE
        self._sequences[topic] += 1
        self.control.sent(topic, MESSAGE, now)
        self.sent.append((now, MESSAGE))
        leaves = self._carry(now, MESSAGE)
        if leaves is not None and self._rng.random() >= self._loss:
            sequence = self._sequences[topic]
            late = self._rng.uniform(0, self._jitter)
            self._at(leaves + late, lambda t: self._arrive(topic, sequence, now, t))

    def _carry(self, now: float, bits: float) -> float | None:
        """Return when a message has passed the link, None if the queue is full."""
        begin = max(now, self._free)
        if begin - now > self._queue:
            return None
        self._free = begin + bits / self.carries(begin)
        return self._free

    def _disturb(self, now: float) -> None:
        self._at(now + 3.0, self._disturb)
        self._carry(now, self._other)

    def _arrive(self, topic: str, sequence: int, sent: float, now: float) -> None:
        self.arrived.append((sent, now - sent))
        for receiver, receptions in self.receivers.items():
            ahead = self.ahead if receiver == 2 else 0.0
            receptions[topic].note(sequence, sent, now + self.clocks + ahead)

    def _report(self, now: float) -> None:
        self._at(now + 1.0, self._report)
        for receptions in self.receivers.values():
            for topic, reception in receptions.items():
                report = reception.report()
                if report and self.reporting:
                    self._at(
                        now + 0.05,
                        lambda t, topic=topic, report=report: self.control.reported(
                            topic, report, t
                        ),
                    )


@dataclass(frozen=True)
class Path:
    """What a receiver tells of a second: the delay, s, and how many of 20 messages got lost."""

    delay: float = 0.0
    lost: int = 0
    receiver: int = 1
    topic: str = "camera"


class Reports:
    """A sender that sends 20 messages a second and topic, and reports that are made up."""

    SENT = 20 * MESSAGE  # bit/s of a topic

    def __init__(self) -> None:
        self.control = CongestionControl()
        self.now = 0.0
        self._clock = CLOCKS  # of the receivers
        self._sent: Counter[str] = Counter()
        self._arrived: Counter[tuple[int, str]] = Counter()

    def send(self, *topics: str) -> None:
        """Let a second pass without a report."""
        for topic in topics:
            for index in range(20):
                self.control.sent(topic, MESSAGE, self.now + index / 20)
            self._sent[topic] += 20
        self.now += 1.0

    def second(self, *paths: Path, took: float = 1.0) -> float:
        """Let a second pass and return the limit after its reports, bit/s.

        Args:
            paths: in the order of their reports.
            took: s that the messages took to arrive one after the other.
        """
        self.send(*dict.fromkeys(path.topic for path in paths))
        self._clock += took
        for path in paths:
            key = path.receiver, path.topic
            self._arrived[key] += 20 - path.lost
            counts = self._sent[path.topic], self._arrived[key]
            report = Report(path.receiver, *counts, self._clock, path.delay)
            self.control.reported(path.topic, report, self.now)
        return self.control.limit(self.now)


@pytest.fixture
def reports() -> Reports:
    """After two seconds in which all was well."""
    reports = Reports()
    for _ in range(2):
        assert math.isinf(reports.second(Path()))
    return reports


def drop(begin: float, end: float, before: float, within: float) -> Callable[[float], float]:
    return lambda now: within if begin <= now < end else before


@pytest.mark.parametrize("queue", [0.4, 2.0], ids=["short_queue", "long_queue"])
@pytest.mark.parametrize(("target", "fps"), [(8e3, 5), (16e3, 15), (32e3, 30)])
def test_what_gets_through_is_sent_within_5_s_and_the_target_again_when_it_does(
    target: float, fps: float, queue: float
) -> None:
    narrow = target / 2
    link = Link(drop(30, 60, 1e6, narrow), target, fps, queue=queue).play(100)
    assert link.rate(10, 30) == pytest.approx(target, rel=0.03)
    assert link.rate(35, 60) == pytest.approx(narrow, rel=0.1)
    # One message takes so long as it is.
    assert link.delay(35, 60) <= 0.15 + 1.5 * MESSAGE / narrow
    assert link.delivered(35, 60) > 0.9
    assert link.rate(75, 85) >= 0.9 * target
    assert link.rate(85, 100) == pytest.approx(target, rel=0.03)
    assert max(delay for at, delay in link.arrived if at >= 63) < 0.1


def test_the_estimate_is_below_the_link_within_5_s() -> None:
    link = Link(drop(30, 60, 1e6, 8e3), 16e3, queue=2.0).play(60)
    first = next(at for at, limit in link.estimates if limit <= 8e3)
    assert 30 < first < 35


def test_without_a_target_the_link_alone_limits() -> None:
    link = Link(drop(30, 60, 1e6, 8e3), math.inf, queue=2.0).play(120)
    assert link.rate(10, 30) == pytest.approx(15 * MESSAGE, rel=0.02)
    assert link.rate(35, 60) == pytest.approx(8e3, rel=0.1)
    assert math.isinf(link.control.limit(120.0))


def test_a_link_that_is_narrow_from_the_start() -> None:
    link = Link(lambda now: 8e3, 16e3, queue=2.0).play(60)
    assert link.rate(5, 60) == pytest.approx(8e3, rel=0.15)
    assert link.delay(5, 60) < 0.5


def test_several_topics_share_one_estimate() -> None:
    link = Link(drop(30, 60, 1e6, 8e3), 16e3, topics=3, queue=2.0).play(100)
    assert 0.65 * 8e3 < link.rate(40, 60) < 1.05 * 8e3
    assert link.delay(40, 60) < 0.5
    assert link.rate(75, 100) == pytest.approx(16e3, rel=0.03)


def test_the_worst_of_several_receivers_decides(reports: Reports) -> None:
    wide, narrow = Path(receiver=1), Path(receiver=2)
    for _ in range(2):
        reports.second(wide, narrow)
    assert reports.second(wide, replace(narrow, delay=1.0)) < Reports.SENT


def test_several_receivers_behind_one_link_are_as_one() -> None:
    link = Link(drop(30, 60, 1e6, 8e3), 16e3, receivers=2, queue=2.0)
    near = link.receivers[3] = {topic: Reception(3) for topic in link.topics}
    link.play(60)
    assert near.keys() == link.receivers[1].keys()
    assert link.rate(40, 60) == pytest.approx(8e3, rel=0.15)


def test_others_on_the_link_are_made_room_for() -> None:
    other = 5000.0
    link = Link(drop(30, 90, 1e6, 8e3), 16e3, queue=2.0, other=other).play(90)
    assert 0.65 * (8e3 - other / 3) < link.rate(40, 90) < 8e3 - other / 3
    assert link.delivered(40, 90) > 0.95
    assert link.delay(40, 90) < 0.5


@pytest.mark.parametrize("loss", [0.03, 0.15, 0.2, 0.3])
def test_a_bad_radio_is_no_congestion(loss: float) -> None:
    links = [Link(lambda now: 1e6, 16e3, loss=loss, seed=seed).play(120) for seed in range(30)]
    first = [link.rate(2, 32) / 16e3 for link in links]
    then = [link.rate(32, 120) / 16e3 for link in links]
    assert np.median(first) >= 0.93
    assert min(first) >= 0.5
    assert np.median(then) >= 0.97
    assert min(then) >= 0.85


def test_a_bad_radio_that_becomes_a_full_link_is_noticed() -> None:
    for seed in range(30):
        link = Link(drop(60, 90, 1e6, 8e3), 16e3, queue=2.0, loss=0.2, seed=seed).play(65)
        first = next(at for at, limit in link.estimates if at > 60 and limit <= 8e3)
        assert first < 65


def test_a_policer_without_a_queue_is_noticed_by_its_losses() -> None:
    link = Link(drop(30, 90, 1e7, 32e3), 64e3, fps=120, queue=0.02).play(90)
    assert link.rate(38, 90) < 1.2 * 32e3
    assert link.delivered(38, 90) > 0.8


@pytest.mark.parametrize("step", [-3600.0, -7.0, 0.5, 7.0])
def test_a_step_of_a_clock_is_forgotten_soon(step: float) -> None:
    link = Link(drop(60, 90, 1e6, 8e3), 16e3, queue=2.0).play(30)
    link.clocks += step
    link.play(90)
    assert link.rate(40, 60) == pytest.approx(16e3, rel=0.03)
    assert link.rate(65, 90) == pytest.approx(8e3, rel=0.1)


@pytest.mark.parametrize("step", [0.5, 7.0])
def test_a_step_of_one_receivers_clock_is_forgotten_beside_others(step: float) -> None:
    link = Link(lambda now: 1e6, 16e3, receivers=3).play(30)
    link.ahead = step
    link.play(90)
    assert link.rate(45, 90) == pytest.approx(16e3, rel=0.03)


def test_jitter_changes_nothing() -> None:
    link = Link(lambda now: 1e6, 16e3, jitter=0.08).play(60)
    assert link.rate(0, 60) == pytest.approx(16e3, rel=0.03)
    assert all(limit == 16e3 for _, limit in link.estimates)


def test_a_pause_of_the_camera_changes_nothing() -> None:
    link = Link(lambda now: 1e6, 16e3).play(20)
    link.silent = set(link.topics)
    link.play(50)
    link.silent = set()
    link.play(80)
    assert all(limit == 16e3 for _, limit in link.estimates)


def test_a_receiver_that_never_reports_limits_nothing() -> None:
    link = Link(lambda now: 8e3, 16e3)
    link.reporting = False
    link.play(60)
    assert all(limit == 16e3 for _, limit in link.estimates)


def test_when_reports_stay_away_less_and_less_is_sent_until_none_is_expected() -> None:
    link = Link(lambda now: 1e6, 16e3).play(20)
    link.reporting = False
    link.play(27)
    assert link.rate(26, 27) <= 9e3
    link.play(75)
    assert 0 < link.rate(60, 75) <= 1.2e3
    link.play(100)
    assert link.rate(90, 100) == pytest.approx(16e3, rel=0.03)


def test_reports_that_come_back_end_the_silence() -> None:
    link = Link(lambda now: 1e6, 16e3).play(20)
    link.reporting = False
    link.play(40)
    link.reporting = True
    link.play(80)
    assert link.rate(60, 80) == pytest.approx(16e3, rel=0.03)


def test_reports_about_what_was_never_sent_are_ignored() -> None:
    control = CongestionControl()
    control.reported("camera", Report(1, 1, 1, 0.0, 0.0), 0.0)
    control.sent("camera", MESSAGE, 0.0)
    control.reported("camera", Report(1, 0, 0, 0.0, 0.0), 1.0)
    control.reported("camera", Report(1, 2**32 - 1, 7, 0.0, 0.0), 1.0)
    control.reported("camera", Report(1, 1, 1, 0.0, 0.0), 1.0)
    control.reported("camera", Report(1, 2, 2, 1.0, 0.0), 2.0)  # the next one
    assert math.isinf(control.limit(2.0))


def test_nonsense_in_reports_ends_nothing() -> None:
    control = CongestionControl()
    rng = np.random.default_rng(0)
    odd = [0.0, -1.0, 1.0, 1e300, -1e300, math.inf, -math.inf, math.nan]
    for second in range(200):
        for _ in range(5):
            control.sent("camera", MESSAGE, second)
        arrived, delay = rng.choice(odd, 2)
        sequence, messages = (int(n) for n in rng.integers(0, 5 * second + 10, 2))
        control.reported("camera", Report(1, sequence, messages, arrived, delay), second + 0.5)
        assert control.limit(second + 0.5) >= 1000
    # Nor do honest reports on messages of one moment.
    for _ in range(3):
        control.sent("other", MESSAGE, 200.0)
    for message in (1, 2, 3):
        report = Report(2, message, message, 200.0 + message, 0.0)
        control.reported("other", report, 200.0 + message)
    assert control.limit(204.0) >= 1000


def test_receivers_that_are_gone_take_no_room_and_invented_ones_hardly_any() -> None:
    control = CongestionControl()
    for message in range(1, 200):
        now = 10.0 * message
        control.sent("camera", MESSAGE, now)
        report = Report(message, sequence=message, messages=1, arrived=now, delay=0.0)
        control.reported("camera", report, now + 0.1)
    assert len(control._paths) <= 7
    for receiver in range(5_000):
        report = Report(receiver, sequence=message, messages=1, arrived=now, delay=0.0)
        control.reported("camera", report, now + 0.2)
    assert len(control._paths) <= 1024


@pytest.mark.parametrize("pause", [5, 8, 30, 59])
def test_a_pause_that_begins_before_the_last_report_is_no_silence(pause: int) -> None:
    """A classifier ends, and is started again: nothing is sent to nobody."""
    link = Link(lambda now: 1e6, 16e3).play(20)
    link.reporting = False
    link.play(22)
    link.silent = set(link.topics)
    link.play(22 + pause)
    link.silent, link.reporting = set(), True
    link.play(60 + pause)
    assert all(limit == 16e3 for _, limit in link.estimates)


def test_silence_halves_what_was_sent_in_it() -> None:
    control = CongestionControl()
    control.sent("camera", MESSAGE, 0.0)
    control.reported("camera", Report(1, sequence=1, messages=1, arrived=0.0, delay=0.0), 0.1)
    now = 0.0
    while math.isinf(control.limit(now)):
        now += 0.25
        control.sent("camera", MESSAGE, now)
        assert now < 5
    assert now > 4
    assert control.limit(now) == pytest.approx(4 * MESSAGE / 2)


def test_a_forgotten_topic_begins_anew() -> None:
    link = Link(lambda now: 1e6, 16e3).play(20)
    link.control.forget("camera 0")
    link._sequences["camera 0"] = 0
    link.play(40)
    assert all(limit == 16e3 for _, limit in link.estimates)


def test_topics_that_nobody_reports_on_are_not_bound_by_one_that_left() -> None:
    link = Link(lambda now: 4e3, 16e3).play(40)
    assert link.control.limit(40) < 8e3
    link.control.forget("camera 0")
    for second in range(40, 110):
        link.control.sent("another", MESSAGE, second)
        limit = link.control.limit(second)
    assert math.isinf(limit)


def test_reception_counts_and_keeps_the_shortest_delay() -> None:
    reception = Reception(7)
    assert reception.report() is None
    reception.note(4, 10.0, 110.3)
    reception.note(6, 11.0, 111.1)
    reception.note(7, 12.0, 112.2)
    report = reception.report()
    assert report == Report(7, 7, 3, 112.2, pytest.approx(100.1))
    assert reception.report() is None
    reception.note(8, 13.0, 113.4)
    assert reception.report() == Report(7, 8, 4, 113.4, pytest.approx(100.4))


@pytest.mark.parametrize("before", [1, 3])
def test_reception_begins_anew_with_its_sender(before: int) -> None:
    reception = Reception(7)
    for sequence in range(1, before + 1):
        reception.note(sequence, 0.0, 0.1)
    reception.note(1, 0.0, 5.0)
    assert reception.report() == Report(7, 1, 1, 5.0, 5.0)


def test_messages_that_wait_leave_85_per_cent_of_what_arrived_and_room_to_drain(
    reports: Reports,
) -> None:
    limit = reports.second(Path(delay=2.0), took=2.0)
    assert limit == pytest.approx(0.25 * 0.85 * Reports.SENT / 2)
    # What was sent before the limit fell tells nothing about it.
    assert reports.second(Path(delay=2.0), took=4.0) == limit
    # By and by: at the most to 60 % of what it was.
    lower = reports.second(Path(delay=2.0), took=4.0)
    assert lower == pytest.approx(0.6 * limit)
    # It does not rise as long as messages wait, whatever arrives.
    for _ in range(3):
        assert reports.second(Path(delay=2.0, lost=1)) == lower


def test_the_limit_grows_once_a_second_whoever_reports(reports: Reports) -> None:
    paths = [Path(receiver=receiver) for receiver in range(1, 9)]
    reports.second(Path(delay=1.0))
    reports.second(*paths)
    limits = [reports.second(*paths)]
    reports.now += 2.0  # a pause is no reason to grow faster
    limits += [reports.second(*paths) for _ in range(2)]
    # A fifth; slowly from where the link was full.
    first = 0.85 * Reports.SENT
    steps = [after / before for before, after in pairwise([first, *limits])]
    assert steps == pytest.approx([1.2, 1.04, 1.04])
    while math.isfinite(limit := reports.second(*paths)):
        limits.append(limit)
    assert limits[-1] > 2 * Reports.SENT / 1.2  # more would limit nothing


@pytest.mark.parametrize(("lost", "took"), [(1, 1.0), (0, 1.5)], ids=["losses", "late"])
def test_a_delay_that_stays_is_congestion_unless_all_arrives_in_time(
    lost: int, took: float
) -> None:
    limits = {}
    for bad in (True, False):
        reports = Reports()
        for delay in (0.0, 0.0, *[1.0] * 8):
            path = Path(delay, lost if bad and delay else 0)
            limits[bad] = reports.second(path, took=took if bad and delay else 1.0)
    assert limits[True] <= 0.25 * Reports.SENT
    assert limits[False] >= Reports.SENT


def test_a_queue_that_drains_is_given_the_time(reports: Reports) -> None:
    low = 0.25 * 0.85 * Reports.SENT
    for delay in (2.0, 2.0, 2.0, 1.8, 1.6):
        assert reports.second(Path(delay=delay)) == pytest.approx(low)
    # It stays, but for some noise: the way has become longer.
    for delay in (1.59, 1.58, 1.57, 1.58):
        limit = reports.second(Path(delay=delay))
    assert limit > 0.85 * Reports.SENT


def test_the_delay_of_an_empty_queue_is_the_least_one_of_the_last_minutes(
    reports: Reports,
) -> None:
    for delay in (-1.0, -1.0):
        assert math.isinf(reports.second(Path(delay=delay)))
    assert reports.second(Path(delay=0.0)) < Reports.SENT
    drifting = Reports()  # the clocks of both ends
    for second in range(400):
        assert math.isinf(drifting.second(Path(delay=0.0005 * second)))


def test_topics_that_wait_for_each_other_are_no_queue_unless_the_other_one_is_silent() -> None:
    reports = Reports()
    left, right = Path(topic="left"), Path(topic="right")
    for _ in range(2):
        reports.second(left, right)
    for _ in range(3):
        assert math.isinf(reports.second(left, replace(right, delay=0.5)))
    for _ in range(3):
        reports.second(right)
    assert math.isfinite(reports.second(replace(right, delay=1.0)))


@pytest.mark.parametrize("comes_back", [True, False])
def test_only_the_receiver_that_lost_messages_tells_whether_losses_stay(
    reports: Reports, comes_back: bool
) -> None:
    bad, good = Path(lost=6, receiver=1), Path(receiver=2)
    while math.isinf(limit := reports.second(bad, good)):
        pass
    assert limit < 0.85 * Reports.SENT
    for _ in range(4 if comes_back else 15):
        later = reports.second(good)
    if comes_back:  # a bad radio: as much is sent as before
        assert [reports.second(bad, good) for _ in range(3)][-1] == math.inf
    else:  # less is not sent for ever for its sake
        assert later > 1.1 * limit


def test_what_losses_tell() -> None:
    losses = _Losses()
    assert losses.too_many([(19, 0)]) == 0.0  # too few messages
    assert losses.too_many([(20, 0)]) == 1.0
    assert losses.stay(0.3, sent=9, arrived=0) is None
    assert losses.stay(0.3, sent=60, arrived=60) is False
    # The question arises where more is lost than the mean.
    assert losses.stay(0.3, sent=15, arrived=13) is True
    assert losses.stay(0.5, sent=20, arrived=16) is True
    assert losses.too_many([(1000, 600)]) == 0.0
    assert losses.too_many([(1000, 500)]) == 0.5
    # The radio may become better.
    for _ in range(100):
        losses.too_many([(1000, 1000)])
    assert losses.too_many([(1000, 600)]) == 0.4


def test_silence_takes_half_of_what_is_sent_and_not_a_half_a_question(reports: Reports) -> None:
    for _ in range(5):
        reports.send("camera")
    limits = [reports.control.limit(reports.now) for _ in range(3)]
    assert limits == pytest.approx([Reports.SENT / 2] * 3)


@pytest.mark.parametrize("once_narrow", [False, True])
def test_a_full_link_after_a_silence_is_the_first_one(reports: Reports, once_narrow: bool) -> None:
    if once_narrow:
        reports.second(Path(delay=1.0), took=4.0)
        while math.isfinite(reports.second(Path())):
            pass
    for _ in range(5):
        reports.send("camera")
    assert reports.control.limit(reports.now) == pytest.approx(Reports.SENT / 2)
    for path in (Path(), Path(), Path(delay=1.0), Path()):
        reports.second(path)
    limits = [reports.second(Path()) for _ in range(6)]
    near = [after / before for before, after in pairwise(limits) if before > 0.85 * Reports.SENT]
    assert near == pytest.approx([1.04] * 4)


@pytest.mark.parametrize(
    "path",
    [Path(math.inf), Path(-math.inf), Path(math.nan), Path(lost=20), Path(lost=-1)],
    ids=str,
)
def test_a_report_that_cannot_be_true_changes_nothing(reports: Reports, path: Path) -> None:
    limits = [reports.second(each) for each in (path, Path(), Path(), Path())]
    assert limits == [math.inf] * 4
