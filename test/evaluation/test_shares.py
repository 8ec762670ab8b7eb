"""Shares against their definitions."""

from collections import Counter

import pytest
from scipy.stats import binomtest

from jcc_ros.evaluation.shares import interval, per_class


def test_wilson_interval():
    """The example of E. B. Wilson's interval in Newcombe 1998, table I: 81 of 263."""
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(10, 10)[1] == 1.0


@pytest.mark.parametrize(("right", "judged"), [(0, 1), (0, 40), (1, 1), (7, 9), (980, 1000)])
def test_wilson_interval_is_scipy_s(right, judged):
    expected = binomtest(right, judged).proportion_ci(method="wilson")
    assert interval(right, judged) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_per_class():
    counts = Counter({("a", "a"): 3, ("a", "b"): 1, ("b", "b"): 2, ("c", "a"): 1})
    rows = {row["class"]: row for row in per_class(counts)}
    assert rows["a"]["recall"] == 3 / 4
    assert rows["a"]["precision"] == 3 / 4
    assert rows["b"]["precision"] == 2 / 3
    assert rows["b"]["f1"] == pytest.approx(0.8)
    assert rows["c"]["precision"] is None
    assert rows["c"]["f1"] == 0
