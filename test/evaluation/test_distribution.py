"""Figures of distributions against numpy's, and sums against the whole."""

import numpy as np
import pytest

from jcc_ros.evaluation.distribution import Distribution


def filled(values) -> Distribution:
    distribution = Distribution()
    for value in values:
        distribution.add(float(value))
    return distribution


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_percentiles_are_numpy_s(count):
    values = np.random.default_rng(count).lognormal(-4, 1, count)
    percents = (0, 5, 50, 95, 99, 100)
    found = filled(values)
    assert found.percentiles(*percents) == pytest.approx(np.percentile(values, percents), rel=1e-3)
    assert found.mean == pytest.approx(values.mean())
    assert (found.least, found.most, len(found)) == (values.min(), values.max(), count)


def test_whole_numbers_of_four_digits_are_exact():
    values = np.random.default_rng(0).integers(-50, 9999, 500)
    assert filled(values).percentiles(5, 50, 95) == list(np.percentile(values, (5, 50, 95)))


def test_memory_is_bounded():
    assert len(filled(np.random.default_rng(0).uniform(0.001, 0.01, 100_000)).counts) <= 9001


def test_distributions_add_up():
    a, b = np.random.default_rng(0).uniform(0, 1, (2, 300))
    both = filled(a)
    both.update(filled(b))
    whole = filled([*a, *b])
    assert both.counts == whole.counts
    assert both.summary()["p95"] == whole.summary()["p95"]


def test_nothing_is_no_number():
    assert Distribution().summary() is None
    assert Distribution().percentiles(50) == []
