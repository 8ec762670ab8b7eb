"""Weights in a byte each: a signed integer times a scale that all of an output channel share.

Symmetric quantisation per channel (Krishnamoorthi, arXiv 1806.08342, section 3.1), for the way
through a file: what is loaded are float32 weights again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST = 127


def pack(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return the nearest integers, shaped as the weights [rows, ...], and scales [rows].

    Weights that `unpack` returned come out as the integers and scales that they were made of.
    """
    rows = weights.reshape(len(weights), -1)
    with np.errstate(over="ignore"):
        scales = (np.abs(rows).max(axis=1) / _LARGEST).astype(np.float16)
    divisors = np.where(scales > 0, scales, 1).astype(np.float32)[:, None]
    integers = np.rint(rows / divisors).clip(-_LARGEST, _LARGEST).astype(np.int8)
    return integers.reshape(weights.shape), scales


def unpack(integers: NDArray[Any], scales: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the weights [rows, ...] that integers of that shape and scales [rows] stand for."""
    factors = scales.astype(np.float32).reshape(-1, *[1] * (integers.ndim - 1))
    return integers.astype(np.float32, copy=False) * factors
