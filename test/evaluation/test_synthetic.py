"""Synthetic inputs look like real ones."""

import numpy as np
import pytest

from jcc_ros.evaluation.synthetic import camera_frame, synthetic_model, typical_latents


def test_synthetic_latents_follow_the_entropy_table():
    codec = synthetic_model()[0].codec
    latents = typical_latents(codec.ladder, 0, 64)
    ideal = codec.ladder[0].table.ideal_bits(codec.symbols(latents, 0)).mean()
    assert ideal == pytest.approx(codec.ladder[0].bits, rel=0.02)
    np.testing.assert_array_equal(latents, typical_latents(codec.ladder, 0, 64))


def test_frame_is_a_camera_frame():
    frame = camera_frame()
    assert (frame.shape, frame.dtype) == ((480, 640, 3), np.uint8)
    assert 40 < frame.std() < 90
