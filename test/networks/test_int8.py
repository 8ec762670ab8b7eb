"""Weights in a byte each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jcc_ros.networks.int8 import pack, unpack

weights = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=4, max_side=5),
    elements=st.floats(-100, 100, width=32),
)


@given(weights)
def test_each_weight_moves_by_half_a_scale_at_most(values):
    integers, scales = pack(values)
    assert (integers.dtype, integers.shape) == (np.int8, values.shape)
    assert (scales.dtype, scales.shape) == (np.float16, values.shape[:1])
    moved = np.abs(unpack(integers, scales) - values).reshape(len(values), -1).max(axis=1)
    largest = np.abs(values).reshape(len(values), -1).max(axis=1)
    # A scale is itself rounded to half precision, whose smallest step is 2^-24.
    assert (moved <= 0.5 * scales * 1.01 + largest * 2.0**-11 + 127 * 2.0**-24).all()


@given(weights)
def test_what_was_rounded_stays_as_it_is(values):
    rounded = unpack(*pack(values))
    integers, scales = pack(rounded)
    np.testing.assert_array_equal(unpack(integers, scales), rounded)


def test_a_channel_of_small_weights_does_not_suffer_from_a_large_one():
    values = np.float32([[100, -50], [0.01, -0.005], [0, 0]])
    np.testing.assert_allclose(unpack(*pack(values)), values, rtol=0.01)


def test_weights_beyond_half_precision_are_not_held():
    with np.errstate(invalid="ignore"):
        held = unpack(*pack(np.float32([[1e30, 1]])))
    assert not np.array_equal(held, [[1e30, 1]])
