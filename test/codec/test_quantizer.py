import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jcc_ros.codec.quantizer import dequantize, quantize

any_floats = arrays(np.float32, st.integers(1, 20), elements=st.floats(width=32))


def test_rounds_to_the_nearest_bin_and_halves_to_even() -> None:
    latent = np.array([0.0, 0.24, 0.26, -0.26, 0.25, 0.75, -0.25, -0.75, 1.1], np.float32)
    assert quantize(latent, 0.5, -10, 21).tolist() == [0, 0, 1, -1, 0, 2, 0, -2, 2]


@pytest.mark.parametrize(
    ("value", "symbol"),
    [
        (2.4, 2),
        (2.6, 3),
        (1e6, 3),
        (3e38, 3),
        (np.inf, 3),
        (-2.4, -2),
        (-1e6, -2),
        (-3e38, -2),
        (-np.inf, -2),
        (np.nan, -2),
    ],
)
def test_values_beyond_the_alphabet_become_its_ends(value: float, symbol: int) -> None:
    with np.errstate(all="raise"):
        symbols = quantize(np.array([value, 0], np.float32), 1.0, -2, 6)
    assert symbols.tolist() == [symbol, 0]


def test_quotients_beyond_float32_are_clipped_without_a_warning() -> None:
    with np.errstate(all="raise"):
        symbols = quantize(np.array([3e38, -3e38], np.float32), 0.01, -2, 6)
    assert symbols.tolist() == [3, -2]


@given(any_floats, st.floats(1e-6, 1e6), st.integers(-300, 300), st.integers(2, 256))
def test_whatever_comes_in_fits_the_table(
    latent: np.ndarray, step: float, lowest: int, levels: int
) -> None:
    with np.errstate(all="raise", under="ignore"):
        symbols = quantize(latent, step, lowest, levels)
    assert symbols.dtype == np.int32
    assert symbols.shape == latent.shape
    assert symbols.min() >= lowest
    assert symbols.max() < lowest + levels


@given(arrays(np.int32, 12, elements=st.integers(-300, 300)), st.floats(1e-6, 1e6))
def test_a_bins_centre_is_in_its_bin(symbols: np.ndarray, step: float) -> None:
    latent = dequantize(symbols, step)
    assert latent.dtype == np.float32
    np.testing.assert_array_equal(quantize(latent, step, -300, 601), symbols)


def test_the_error_is_at_most_half_a_step(rng: np.random.Generator) -> None:
    latent = rng.normal(0, 3, (50, 4, 2)).astype(np.float32)
    for step in (0.1, 0.7, 3.0):
        received = dequantize(quantize(latent, step, -500, 1001), step)
        assert np.abs(received - latent).max() <= step / 2 * (1 + 1e-5)
