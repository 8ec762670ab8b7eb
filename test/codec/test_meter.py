"""Sums over a sliding window, against adding up all that lies in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jcc_ros.codec.meter import Meter

amounts = st.lists(st.tuples(st.floats(0, 3), st.integers(0, 10**6)), min_size=1, max_size=60)


def test_nothing_yet() -> None:
    meter = Meter()
    assert meter.rate(5.0) == 0.0


@given(amounts, st.floats(0, 20))
def test_rate_is_that_of_the_window(entries: list[tuple[float, int]], later: float) -> None:
    meter = Meter(window=10.0)
    now, kept = 0.0, []
    for gap, amount in entries:
        now += gap
        meter.add(now, amount)
        kept.append((now, amount))
    first, end = kept[0][0], now + later
    inside = [amount for at, amount in kept if at > end - 10.0]
    span = min(10.0, max(1.0, end - first))
    assert meter.rate(end) == pytest.approx(sum(inside) / span, abs=1e-6)


def test_a_steady_flow_is_measured_from_the_second_second_on() -> None:
    meter = Meter(window=10.0)
    for frame in range(3000):
        meter.add(frame / 30, 100.0)
        if frame >= 60:
            assert meter.rate(frame / 30) == pytest.approx(3000, rel=0.02)


def test_one_early_frame_is_no_rate() -> None:
    meter = Meter()
    meter.add(100.0, 1000.0)
    assert meter.rate(100.001) == 1000.0


def test_silence_ends_in_zero() -> None:
    meter = Meter(window=10.0)
    for at in range(10):
        meter.add(float(at), 0.1)
    assert meter.rate(100.0) == pytest.approx(0.0, abs=1e-12)
    meter.add(200.0, 50.0)
    assert meter.rate(200.0) == pytest.approx(5.0)
