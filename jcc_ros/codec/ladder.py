"""Operating points, the ladder they form, and the model id that both ends must share."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

import numpy as np

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.packet import MAX_POINTS, VERSION

# Far beyond any use, and symbol times step stays finite in float32.
MIN_STEP = 1e-6
MAX_STEP = 1e6


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """One way to send a latent, with what calibration measured of it.

    Attributes:
        step: the quantiser's bin width, used as float32.
        prefix: how many leading latent channels are sent.
        table: probabilities of the prefix's elements, channel by channel.
        bits: expected payload bits of one frame.
        accuracy: expected accuracy, 0 to 1.
        temperature: what divides the classifier's logits so that its scores tell how often it is
            right.
    """

    step: float
    prefix: int
    table: EntropyTable
    bits: float
    accuracy: float
    temperature: float = 1.0


class Ladder(Sequence[OperatingPoint]):
    """The operating points of a model by rising bits.

    Args:
        shape: of the latent, (channels, height, width).
        points: 1 to 32 operating points, in order.
    Attributes:
        temperatures: of the points, float32 [points].
    Raises:
        ValueError: points that contradict the shape, each other, or a decoder's limits.
    """

    def __init__(self, shape: tuple[int, int, int], points: Sequence[OperatingPoint]) -> None:
        if not 1 <= len(points) <= MAX_POINTS:
            raise ValueError(f"ladder: {len(points)} operating points, expected 1 to {MAX_POINTS}")
        channels, height, width = shape
        for index, point in enumerate(points):
            # Written so that NaN fails as well.
            if not MIN_STEP <= point.step <= MAX_STEP:
                raise ValueError(
                    f"ladder: point {index} has step {point.step}, "
                    f"expected {MIN_STEP} to {MAX_STEP}"
                )
            if not 1 <= point.prefix <= channels:
                raise ValueError(
                    f"ladder: point {index} has prefix {point.prefix}, expected 1 to {channels}"
                )
            if point.table.elements != point.prefix * height * width:
                raise ValueError(
                    f"ladder: the table of point {index} has {point.table.elements} elements, "
                    f"expected {point.prefix} x {height} x {width}"
                )
        if any(later.bits <= earlier.bits for earlier, later in pairwise(points)):
            raise ValueError("ladder: expected bits must rise from point to point")
        self.shape = shape
        self.temperatures = np.array([point.temperature for point in points], np.float32)
        self._points = tuple(points)

    @overload
    def __getitem__(self, index: int) -> OperatingPoint: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[OperatingPoint, ...]: ...
    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._points[index]

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[OperatingPoint]:
        return iter(self._points)

    @property
    def model_id(self) -> str:
        """Hexadecimal SHA-256 over all that a packet's meaning depends on.

        Measured bits, accuracies and temperatures stay outside: a classifier that was trained
        anew for a deployed encoder keeps the id.
        """
        digest = hashlib.sha256(np.array([VERSION, *self.shape], "<u4").tobytes())
        for point in self._points:
            table = point.table
            digest.update(np.array([point.step], "<f4").tobytes())
            sizes = [table.lowest, table.levels, len(table.rows), table.components]
            digest.update(np.array([point.prefix, *sizes], "<i4").tobytes())
            digest.update(table.shares.astype("<f4").tobytes())
            digest.update(table.indexes.tobytes())
            digest.update(table.rows.astype("<f4").tobytes())
        return digest.hexdigest()
