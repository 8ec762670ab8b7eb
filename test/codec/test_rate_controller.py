"""The rate controller against simulated cameras: what it promises over any window of time."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import random_table

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.ladder import OperatingPoint
from jcc_ros.codec.packet import MAX_PACKETS
from jcc_ros.codec.rate import Plan, RateController, best_plan, frame_bits, rising
from jcc_ros.codec.wire import latent_message_bits

OVERHEAD = latent_message_bits("camera", 0)
SECONDS = 90.0
TABLE = random_table(np.random.default_rng(0), 1, 2, 0)  # nothing here looks at it


def ladder(*points: tuple[float, float]) -> list[OperatingPoint]:
    return [OperatingPoint(1.0, 1, TABLE, bits, accuracy) for bits, accuracy in points]


# Payloads beside which the overhead is small, and a measured ladder beside which it is everything.
RICH = ladder(
    (40, 0.4), (70, 0.52), (110, 0.61), (160, 0.68), (330, 0.79), (700, 0.86), (1000, 0.88)
)
FLAT = ladder((40, 0.8), (110, 0.82), (160, 0.84), (330, 0.86), (700, 0.87))
POOR = ladder((13, 0.911), (15, 0.933), (18, 0.994), (23, 0.989), (30, 1.0), (61, 1.0), (108, 1.0))


class Simulation:
    """Cameras, an encoder that obeys the controller, and a record of what went out.

    Args:
        points: the ladder.
        budget: in force at first; may be replaced between calls of `play`.
        fps: of every camera.
        topics: how many cameras.
        jitter: of arrivals, in frame intervals.
    """

    def __init__(
        self,
        points: list[OperatingPoint],
        budget: Budget,
        fps: float,
        topics: int = 1,
        jitter: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.points, self.budget, self.fps = points, budget, fps
        self.controller = RateController(points)
        self.sent: list[tuple[float, float]] = []  # (time, bits) of every message
        self.frames: list[tuple[float, str, int | Drop]] = []
        self._names = [f"camera {index}" for index in range(topics)]
        self._open: dict[str, list[int]] = {name: [] for name in self._names}
        self._opened: dict[str, float] = {}
        self._rng = np.random.default_rng(seed)
        self._phases = self._rng.uniform(0, 1, topics)
        self._jitter = jitter

    def play(self, start: float, end: float, silent: tuple[str, ...] = ()) -> "Simulation":
        """Let the cameras see time pass."""
        return self.see(
            ((index + phase + self._rng.uniform(0, self._jitter)) / self.fps, name)
            for name, phase in zip(self._names, self._phases, strict=True)
            if name not in silent
            for index in range(math.ceil(start * self.fps), math.ceil(end * self.fps))
        )

    def see(self, arrivals: Iterable[tuple[float, str]]) -> "Simulation":
        """Let frames arrive, (time, camera) each."""
        for now, name in sorted(arrivals):
            self._flush(now)
            self._show(now, name)
        return self

    def _show(self, now: float, name: str) -> None:
        chosen = self.controller.admit(name, now, OVERHEAD, self.budget)
        self.frames.append((now, name, chosen))
        if isinstance(chosen, Drop):
            return
        packets = self._open[name]
        if not packets:
            self._opened[name] = now
        payload = max(8.0, self.points[chosen].bits * self._rng.normal(1, 0.2))
        packets.append(math.ceil(payload / 8) + 6 + (4 if packets else 0))
        if len(packets) >= self.controller.plan(name).frames:
            self._send(name, now)

    def _flush(self, now: float) -> None:
        for name, packets in self._open.items():
            due = self._opened.get(name, 0.0) + self.budget.max_delay
            if packets and due <= now:
                self._send(name, due)

    def _send(self, name: str, now: float) -> None:
        bits = latent_message_bits("camera", sum(self._open[name]))
        self._open[name].clear()
        self.controller.charge(name, bits)
        self.sent.append((now, bits))

    def rates(self, window: float, start: float, end: float) -> np.ndarray:
        """Return bit/s over every window of that length, those that begin with a message too."""
        times, bits = np.array(sorted(self.sent)).T
        sums = np.concatenate([[0.0], np.cumsum(bits)])
        begin = np.concatenate([np.arange(start, end - window, 0.1), times])
        begin = begin[(begin >= start) & (begin <= end - window)]
        inside = sums[np.searchsorted(times, begin + window)] - sums[np.searchsorted(times, begin)]
        return inside / window

    def chosen(self, start: float, name: str = "camera 0") -> list[int | Drop]:
        return [chosen for now, topic, chosen in self.frames if now >= start and topic == name]

    def times(self, start: float) -> list[float]:
        return [
            now for now, _, chosen in self.frames if now >= start and not isinstance(chosen, Drop)
        ]


TARGETS = [2_000.0, 8_000.0, 32_000.0, 128_000.0]


@pytest.mark.parametrize("frames_per_message", [1, 4])
@pytest.mark.parametrize("topics", [1, 2])
@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("points", [RICH, POOR], ids=["rich", "poor"])
def test_the_target_is_never_exceeded_and_used_wherever_it_helps(
    points: list[OperatingPoint], target: float, fps: float, topics: int, frames_per_message: int
) -> None:
    budget = Budget(target, frames_per_message=frames_per_message, max_delay=0.5)
    run = Simulation(points, budget, fps, topics).play(0, SECONDS)
    assert run.rates(30.0, 0.0, SECONDS).max() <= 1.02 * target

    settled = run.rates(10.0, 10.0, SECONDS)
    best = max(point.accuracy for point in points)
    accuracies = [
        0.0 if isinstance(chosen, Drop) else points[chosen].accuracy
        for now, _, chosen in run.frames
        if now > 10
    ]
    if np.mean(accuracies) < 0.999 * best:
        assert settled.mean() == pytest.approx(target, rel=0.05)
        # A window holds one message more or less of every topic, whatever the controller does.
        message = max(bits for _, bits in run.sent) * topics / 10.0
        assert settled.min() >= 0.95 * target - message
        assert settled.max() <= 1.05 * target + message


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("jitter", [0.0, 0.95])
def test_jitter_costs_nothing(jitter: float, seed: int) -> None:
    run = Simulation(RICH, Budget(8_000.0), 15.0, jitter=jitter, seed=seed).play(0, SECONDS)
    assert run.rates(30.0, 0.0, SECONDS).max() <= 1.02 * 8_000
    assert run.rates(30.0, 10.0, SECONDS).min() >= 0.95 * 8_000


def test_without_a_limit_everything_goes_at_the_best_point() -> None:
    run = Simulation(RICH, Budget(), 30.0).play(0, 20)
    assert set(run.chosen(0)) == {len(RICH) - 1}


def test_saved_bits_buy_finer_points() -> None:
    # Between two points: the plan is the coarser one, every now and then the finer one is sent.
    between = (frame_bits(FLAT[2], 1, OVERHEAD) + frame_bits(FLAT[3], 1, OVERHEAD)) / 2
    run = Simulation(FLAT, Budget(10.3 * between), 10.0).play(0, 60)
    counts = Counter(run.chosen(10))
    assert {2, 3} <= set(counts) <= {2, 3, 4}
    assert min(counts[2], counts[3]) > 0.2 * counts.total()


@pytest.mark.parametrize("frames_per_message", [1, 4])
@pytest.mark.parametrize(("before", "after"), [(math.inf, 8e3), (20e3, 8e3), (8e3, 20e3)])
def test_a_new_target_is_kept_from_the_next_frame_on(
    before: float, after: float, frames_per_message: int
) -> None:
    budget = Budget(before, frames_per_message=frames_per_message, max_delay=0.5)
    run = Simulation(RICH, budget, 15.0).play(0, 20)
    run.budget = replace(budget, bitrate=after)
    run.play(20, 80)
    # What still waited for company goes out under the new target.
    assert run.rates(30.0, 20.6, 80.0).max() <= 1.02 * after
    assert run.rates(10.0, 21.0, 80.0).min() >= 0.88 * after
    assert run.rates(30.0, 25.0, 80.0).mean() == pytest.approx(after, rel=0.05)


def test_the_first_frame_is_sent_at_once() -> None:
    for target in TARGETS:
        controller = RateController(RICH)
        assert controller.admit("camera", 5.0, OVERHEAD, Budget(target)) in range(len(RICH))


def test_hardly_any_bits_are_still_a_frame_now_and_then() -> None:
    run = Simulation(RICH, Budget(100.0), 5.0).play(0, 300)
    assert 40 <= sum(bits for _, bits in run.sent[1:]) / 300 <= 100


def test_a_long_pause_saves_up_no_flood() -> None:
    run = Simulation(RICH, Budget(8_000.0), 30.0).play(0, 30).play(300, 360)
    assert run.rates(30.0, 0.0, 360.0).max() <= 1.02 * 8_000
    assert run.rates(1.0, 300.0, 360.0).max() <= 2 * 8_000


def test_a_silent_topics_share_goes_to_the_others_and_back() -> None:
    run = Simulation(RICH, Budget(32_000.0), 15.0, topics=2)
    run.play(0, 30).play(30, 60, silent=("camera 1",)).play(60, 90)
    assert run.rates(30.0, 0.0, 90.0).max() <= 1.02 * 32_000
    alone = run.rates(5.0, 32.0, 60.0)
    assert alone.min() >= 0.93 * 32_000
    count = {
        (name, begin): sum(
            begin <= now < begin + 20 and topic == name and not isinstance(chosen, Drop)
            for now, topic, chosen in run.frames
        )
        for name in ("camera 0", "camera 1")
        for begin in (5, 35, 65)
    }
    assert count["camera 0", 5] == pytest.approx(count["camera 1", 5], rel=0.05)
    assert count["camera 0", 65] == pytest.approx(count["camera 1", 65], rel=0.05)
    assert count["camera 0", 35] >= 1.5 * count["camera 0", 5]
    assert count["camera 1", 35] == 0


@pytest.mark.parametrize(
    ("topics", "fps", "target"),
    [
        (2, 1.0, 1_000.0),
        (2, 0.5, 1_000.0),
        (10, 0.2, 2_000.0),
        (10, 0.2, 1_000.0),
        (8, 0.125, 500.0),
    ],
)
def test_slow_cameras_that_take_turns_keep_to_the_target_together(
    topics: int, fps: float, target: float
) -> None:
    run = Simulation(POOR, Budget(target), fps, topics, jitter=0.0).play(0, 300)
    assert 0.2 * target < run.rates(30.0, 0.0, 300.0).max() <= 1.02 * target


@pytest.mark.parametrize(
    ("topics", "fps", "target"), [(4, 5.0, 2_000.0), (8, 5.0, 2_000.0), (16, 5.0, 8_000.0)]
)
def test_many_cameras_use_the_target_as_one_does(topics: int, fps: float, target: float) -> None:
    run = Simulation(POOR, Budget(target), fps, topics).play(0, 200)
    assert run.rates(30.0, 0.0, 200.0).max() <= 1.02 * target
    assert run.rates(30.0, 10.0, 200.0).mean() >= 0.95 * target
    sent = Counter(name for now, name, chosen in run.frames if not isinstance(chosen, Drop))
    assert min(sent.values()) >= 0.8 * max(sent.values())


def test_a_crowd_of_cameras_that_begins_keeps_to_the_target() -> None:
    run = Simulation(POOR, Budget(2_000.0), 2.0, 64).play(0, 60)
    assert run.rates(30.0, 0.0, 60.0).max() <= 1.02 * 2_000


def steady(fps: float, name: str, seconds: float) -> list[tuple[float, str]]:
    return [((index + 0.3) / fps, name) for index in range(int(fps * seconds))]


@pytest.mark.parametrize(
    ("slow", "cameras", "target"), [(1.0, 1, 32_000.0), (0.5, 1, 64_000.0), (1.0, 3, 32_000.0)]
)
def test_what_slow_cameras_do_not_need_goes_to_the_fast_one(
    slow: float, cameras: int, target: float
) -> None:
    run = Simulation(FLAT, Budget(target), 30.0, 1 + cameras)
    names = [f"camera {index}" for index in range(1, 1 + cameras)]
    run.see([*steady(30.0, "camera 0", 120), *(f for n in names for f in steady(slow, n, 120))])
    assert run.rates(30.0, 0.0, 120.0).max() <= 1.02 * target
    assert run.rates(30.0, 10.0, 120.0).min() >= 0.95 * target
    for name in names:
        assert Counter(run.chosen(10, name)).most_common(1)[0][0] == len(FLAT) - 1


@pytest.mark.parametrize(("interval", "target"), [(10, 400.0), (10, 1_500.0), (2, 1_500.0)])
def test_a_slow_camera_gets_the_point_that_it_pays_for(interval: int, target: float) -> None:
    run = Simulation(FLAT, Budget(target), 1 / interval, jitter=0.0).play(0, 40 * interval)
    assert set(run.chosen(4 * interval)) == {len(FLAT) - 1}
    assert not run.controller.plan("camera 0").limited


@pytest.mark.parametrize("target", [2_000.0, 4_000.0, 16_000.0])
@pytest.mark.parametrize("seed", range(3))
def test_cameras_that_fall_silent_keep_to_the_target_with_the_others(
    seed: int, target: float
) -> None:
    rng = np.random.default_rng(seed)
    run = Simulation(FLAT, Budget(target), 1.0, 6, seed=seed)
    arrivals = [
        *steady(30.0, "camera 0", 180),
        *steady(30.0, "camera 1", 180),
        *steady(15.0, "camera 2", 180),
    ]
    for name in ("camera 3", "camera 4", "camera 5"):  # bursts of frames
        period, frames = rng.uniform(4, 8), rng.integers(15, 40)
        starts = np.arange(0, 180, period)
        arrivals += [(start + frame / 30, name) for start in starts for frame in range(frames)]
    run.see(arrivals)
    assert run.rates(30.0, 0.0, 180.0).max() <= 1.02 * target


def test_a_forgotten_topics_share_goes_to_the_others_at_once() -> None:
    controller = RateController(RICH)
    budget = Budget(8_000.0)
    for name in ("left", "right"):
        controller.admit(name, 0.0, OVERHEAD, budget)
    shared = controller.plan("right").fps
    controller.forget("left")
    controller.admit("right", 0.05, OVERHEAD, budget)
    assert controller.plan("right").fps > 1.5 * shared
    controller.forget("never known")
    controller.charge("left", 1e6)  # its last message; nobody pays for it


@pytest.mark.parametrize("target", [math.inf, 128_000.0])
@pytest.mark.parametrize(("fps", "most"), [(30.0, 10.0), (30.0, 7.0), (15.0, 14.0), (30.0, 0.5)])
def test_max_fps_is_kept_and_evenly(fps: float, most: float, target: float) -> None:
    run = Simulation(POOR, Budget(target, max_fps=most), fps).play(0, 60)
    times = run.times(10)
    assert len(times) / 50 == pytest.approx(most, rel=0.06)
    gaps = np.diff(times)
    assert gaps.max() <= 1 / most + 1.5 / fps
    assert gaps.min() >= 0.4 / most
    assert set(run.chosen(0)) - set(range(len(POOR))) == {Drop.MAX_FPS}


def test_a_new_max_fps_holds_from_the_next_frame_on() -> None:
    controller = RateController(POOR)

    def show(now: float, max_fps: float) -> int | Drop:
        return controller.admit("camera", now, OVERHEAD, Budget(max_fps=max_fps))

    assert show(10.0, 0.01) != Drop.MAX_FPS
    assert show(10.1, 0.01) == Drop.MAX_FPS
    assert show(10.2, math.inf) != Drop.MAX_FPS
    assert show(10.3, 0.01) == Drop.MAX_FPS
    assert show(10.4, 30.0) != Drop.MAX_FPS


def test_a_camera_at_just_max_fps_loses_nothing() -> None:
    run = Simulation(POOR, Budget(max_fps=15.0), 15.0, jitter=0.4).play(0, 60)
    assert not any(isinstance(chosen, Drop) for chosen in run.chosen(0))


@pytest.mark.parametrize("points", [RICH, POOR], ids=["rich", "poor"])
def test_frames_are_dropped_evenly(points: list[OperatingPoint]) -> None:
    run = Simulation(points, Budget(8_000.0), 30.0).play(0, 60)
    gaps = np.diff(run.times(5))
    assert gaps.max() <= 1.5 * gaps.mean()
    assert set(run.chosen(0)) - set(range(len(points))) == {Drop.RATE}


def test_a_crowd_of_frames_gets_coarser_points_before_any_is_dropped() -> None:
    # The share pays for every frame on average; four come at once.
    cost = frame_bits(RICH[5], 1, OVERHEAD)
    run = Simulation(RICH, Budget(10.5 * cost), 10.0).play(0, 20)
    plan = run.controller.plan("camera 0")
    assert not plan.limited
    points = []
    for index in range(4):
        chosen = run.controller.admit("camera 0", 20.2 + index / 1000, OVERHEAD, run.budget)
        assert not isinstance(chosen, Drop)
        points.append(chosen)
        run.controller.charge("camera 0", frame_bits(RICH[chosen], 1, OVERHEAD))
    assert points == sorted(points, reverse=True)
    assert points[-1] < plan.point


def test_frames_that_come_to_nothing_cost_nothing() -> None:
    controller = RateController(RICH)
    for index in range(100):
        chosen = controller.admit("camera", index / 30, OVERHEAD, Budget(30_000.0))
        if not isinstance(chosen, Drop):
            controller.charge("camera", 0.0)
        assert not isinstance(chosen, Drop), index


plans = st.tuples(
    st.floats(100, 1e6),
    st.floats(0.2, 120),
    st.integers(1, 8),
    st.floats(0, 5),
)


@given(plans, st.sampled_from([RICH, POOR]))
def test_the_plan_is_the_best_of_all_combinations(
    wishes: tuple[float, float, int, float], points: list[OperatingPoint]
) -> None:
    share, fps, most, max_delay = wishes
    budget = Budget(share, frames_per_message=most, max_delay=max_delay)
    plan = best_plan(points, share, fps, OVERHEAD, budget)

    def value(point: OperatingPoint, frames: int) -> float:
        sent = min(fps, share / frame_bits(point, frames, OVERHEAD))
        waits = (frames - 1) / sent
        return -1.0 if waits > max_delay * (1 + 1e-12) else sent * point.accuracy

    best = max(value(point, frames) for point in points for frames in range(1, most + 1))
    assert value(points[plan.point], plan.frames) == pytest.approx(best, rel=1e-6)
    assert plan.fps * frame_bits(points[plan.point], plan.frames, OVERHEAD) <= share * (1 + 1e-9)
    assert plan.limited == (plan.fps < fps)
    # Among equals fewer frames wait for each other.
    assert all(
        value(point, frames) < best * (1 - 1e-12) or frames >= plan.frames
        for point in points
        for frames in range(1, plan.frames)
    )


@given(plans, st.floats(1, 4), st.sampled_from([RICH, POOR]))
def test_more_bits_never_make_it_worse(
    wishes: tuple[float, float, int, float], more: float, points: list[OperatingPoint]
) -> None:
    share, fps, most, max_delay = wishes
    budget = Budget(share, frames_per_message=most, max_delay=max_delay)
    poor = best_plan(points, share, fps, OVERHEAD, budget)
    rich = best_plan(points, share * more, fps, OVERHEAD, budget)
    expected = [plan.fps * points[plan.point].accuracy for plan in (poor, rich)]
    assert expected[0] <= expected[1] * (1 + 1e-6)


def test_what_is_given_up_first() -> None:
    """A shrinking share costs accuracy first, then frames; nothing comes back on the way down."""
    shares = np.geomspace(100_000, 500, 400)
    found = [best_plan(FLAT, share, 15.0, OVERHEAD, Budget(share)) for share in shares]
    assert found[0] == best_plan(FLAT, math.inf, 15.0, OVERHEAD, Budget())
    assert all(later.point <= earlier.point for earlier, later in pairwise(found))
    last = found[-1].point
    assert last < len(FLAT) - 1
    # The rule weighs frames against accuracy: it gives up no more of the ones than of the others.
    assert all(plan.fps > 0.97 * 15 for plan in found if plan.point > last)


def test_frames_share_messages_before_any_is_dropped() -> None:
    shares = np.geomspace(100_000, 500, 400)
    budget = Budget(frames_per_message=4, max_delay=10.0)
    found = [best_plan(RICH, share, 15.0, OVERHEAD, budget) for share in shares]
    first = next(plan for plan in found if plan.limited)
    assert first.frames == 4
    assert all(plan.frames == 4 for plan in found if plan.limited)
    assert {plan.frames for plan in found if not plan.limited} == {1, 2, 3, 4}
    crowded = best_plan(RICH, 500.0, 15.0, OVERHEAD, Budget(frames_per_message=100, max_delay=1e3))
    assert crowded.frames == MAX_PACKETS


@given(st.lists(st.floats(0, 1), min_size=1, max_size=32))
def test_accuracies_that_fall_by_chance_are_shared(accuracies: list[float]) -> None:
    points = ladder(*((10.0 + i, accuracy) for i, accuracy in enumerate(accuracies)))
    found = [point.accuracy for point in rising(points)]
    assert found == sorted(found)
    assert sum(found) == pytest.approx(sum(accuracies))
    assert [point.bits for point in rising(points)] == [point.bits for point in points]
    assert found == accuracies or accuracies != sorted(accuracies)
    assert min(accuracies) <= found[0] <= accuracies[0]
    assert accuracies[-1] <= found[-1] <= max(accuracies)


def test_points_that_chance_put_behind_are_sent_where_bits_are_left() -> None:
    noisy = ladder((400, 0.90), (600, 0.89), (800, 0.91), (1000, 0.91), (1400, 0.905))
    target = 1.1 * 15.0 * frame_bits(noisy[2], 1, OVERHEAD)
    chosen = Simulation(noisy, Budget(target), 15.0).play(0, 90).chosen(10)
    assert set(chosen) - {Drop.RATE} == {2, 3, 4}
    # What is left is spent on finer points, never on frames that are then missing.
    assert chosen.count(Drop.RATE) <= 0.002 * len(chosen)
    for budget in (Budget(128_000.0), Budget()):
        assert set(Simulation(noisy, budget, 15.0).play(0, 30).chosen(5)) == {4}


@pytest.mark.parametrize("points", [RICH, POOR], ids=["rich", "poor"])
@pytest.mark.parametrize("frames", [5, 15])
def test_a_camera_whose_frames_come_all_at_once_gets_its_bits_as_well(
    points: list[OperatingPoint], frames: int
) -> None:
    run = Simulation(points, Budget(8_000.0), 15.0)
    for second in range(90):
        for frame in range(frames):
            run._show(second + 0.02 * frame, "camera 0")
    assert run.rates(10.0, 10.0, 90.0).mean() >= 0.94 * 8_000
    assert run.rates(30.0, 0.0, 90.0).max() <= 1.02 * 8_000


@pytest.mark.parametrize("frames", [1, 2, 7, 32])
def test_the_expected_bits_of_frames_are_those_of_their_message(frames: int) -> None:
    (point,) = ladder((8 * 2, 0.9))  # 8 bytes with the packet's framing
    message = latent_message_bits("camera", 8 * frames + 4 * (frames - 1))
    assert frames * frame_bits(point, frames, OVERHEAD) == pytest.approx(message)


@pytest.mark.parametrize("frames", [2, 3, 6])
def test_frames_share_a_message_if_the_last_one_comes_within_the_delay(frames: int) -> None:
    # Of a camera at 8 fps, the second one after 1/8 s, the third one after 2/8 s.
    share = 8.0 * frame_bits(POOR[0], frames, OVERHEAD)
    for delay in (0.99, 1.0):
        budget = Budget(frames_per_message=100, max_delay=delay * (frames - 1) / 8)
        plan = best_plan(POOR[:1], 1.001 * share, 8.0, OVERHEAD, budget)
        assert plan.limited == (delay < 1)
        assert (plan.frames == frames) == (delay == 1)


def test_the_plan_is_for_the_frames_that_max_fps_lets_pass() -> None:
    cost = frame_bits(RICH[-1], 1, OVERHEAD)
    run = Simulation(RICH, Budget(6 * cost, max_fps=5.0), 30.0).play(0, 30)
    assert run.controller.plan("camera 0") == Plan(len(RICH) - 1, 1, 5.0, limited=False)


def test_an_hours_pause_is_no_frame_rate_and_nothing_to_wait_for_again() -> None:
    budget = Budget(8_000.0)
    run, alone = (Simulation(RICH, budget, 15.0, topics, jitter=0.0) for topics in (2, 1))
    run.see([*steady(15.0, "camera 0", 10), *steady(15.0, "camera 1", 10), (3600.0, "camera 1")])
    assert run.controller.plan("camera 1").fps > 2
    # One frame was all: within a minute the other camera has all the bits.
    run.see((3600 + at, name) for at, name in steady(15.0, "camera 0", 80))
    alone.see(steady(15.0, "camera 0", 80))
    sent = [
        sum(not isinstance(chosen, Drop) for chosen in each.chosen(start))
        for each, start in ((run, 3660), (alone, 60))
    ]
    assert sent[0] == pytest.approx(sent[1], rel=0.1)


def test_weights_share_what_is_not_enough_and_what_nobody_needs() -> None:
    controller = RateController(FLAT)

    def shares(bitrate: float) -> tuple[float, float]:
        budget = Budget(bitrate, weights={"left": 3.0})
        for name in ("left", "right"):
            controller.admit(name, 0.0, OVERHEAD, budget)
        return controller._shares["left"], controller._shares["right"]

    left, right = shares(4_000.0)
    assert left == pytest.approx(3 * right)
    assert left + right == pytest.approx(4_000.0)
    need = controller._need(controller._topics["left"], Budget())
    assert shares(2 * need) == pytest.approx((need, need))  # nobody gets more than it needs
    left, right = shares(1e6)
    assert left - need == pytest.approx(3 * (right - need))
    assert left + right == pytest.approx(1e6)
