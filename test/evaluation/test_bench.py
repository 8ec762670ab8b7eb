"""Benchmarks measure what they say; how fast the machine is, is not tested."""

import time

import pytest
import torch

from jcc_ros.evaluation import bench
from jcc_ros.evaluation.synthetic import synthetic_model


@pytest.fixture(scope="module")
def halves():
    return synthetic_model()


def test_every_part_is_timed(halves):
    threads = torch.get_num_threads()
    rows = bench.run_all(*halves, effort=0.001)
    assert torch.get_num_threads() == threads
    assert len({row.name for row in rows}) == len(rows) == 7
    for row in rows:
        assert 0 < row.p05 <= row.value <= row.p95
        assert row.repetitions >= 5
        assert (row.ratio is None) == (row.peer is None)


def test_medians_are_of_single_calls():
    short, long = bench.in_turns([lambda: None, lambda: time.sleep(0.002)], 5)
    assert short.median < 0.002 <= long.median < 0.1
