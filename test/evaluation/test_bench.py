"""Benchmarks measure what they say; how fast the machine is, is not tested."""

import time

import numpy as np
import pytest
import torch

from jcc_ros.evaluation import bench


@pytest.fixture(scope="module")
def halves():
    return bench.synthetic_model()


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


def test_synthetic_latents_follow_the_entropy_table(halves):
    codec = halves[0].codec
    latents = bench.typical_latents(codec.ladder, 0, 64)
    ideal = codec.ladder[0].table.ideal_bits(codec.symbols(latents, 0)).mean()
    assert ideal == pytest.approx(codec.ladder[0].bits, rel=0.02)
    np.testing.assert_array_equal(latents, bench.typical_latents(codec.ladder, 0, 64))


def test_frame_is_a_camera_frame():
    frame = bench.camera_frame()
    assert (frame.shape, frame.dtype) == ((480, 640, 3), np.uint8)
    assert 40 < frame.std() < 90
