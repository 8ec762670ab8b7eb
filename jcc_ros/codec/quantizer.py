"""Uniform scalar quantiser with a bounded alphabet."""

import numpy as np
from numpy.typing import NDArray


def quantize(
    latent: NDArray[np.float32], step: float, lowest: int, levels: int
) -> NDArray[np.int32]:
    """Round `latent / step` to the nearest of the symbols lowest .. lowest + levels - 1.

    Values beyond the alphabet, infinities included, become its nearest end; NaN becomes `lowest`.

    Args:
        latent: any shape.
        step: bin width, in units of the latent.
    Returns:
        symbols, the shape of `latent`.
    """
    # fmax and fmin, unlike clip, replace NaN: whatever comes in, the symbols fit the table.
    with np.errstate(over="ignore"):
        scaled = np.rint(latent / np.float32(step))
    bounded = np.fmin(np.fmax(scaled, lowest), lowest + levels - 1)
    return bounded.astype(np.int32)


def dequantize(symbols: NDArray[np.int32], step: float) -> NDArray[np.float32]:
    """Return the centre of each symbol's bin, float32, the shape of `symbols`."""
    return symbols.astype(np.float32) * np.float32(step)
