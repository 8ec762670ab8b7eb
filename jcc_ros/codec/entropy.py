"""Range coding of symbols under a frozen entropy table.

The coder is constriction's (Bamler, "Understanding Entropy Coding With Asymmetric Numeral Systems",
arXiv 2201.01741). It ends a stream on a 32-bit word; here a payload ends on the first byte that
still identifies the symbols, and the decoder reads 0xFF beyond the end.
"""

from dataclasses import dataclass

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from jcc_ros.codec.errors import PacketError

MAX_LEVELS = 256
MAX_LOWEST = 1 << 15  # either sign
# Keeps every symbol's frequency positive after rounding: constriction aborts on one that is not.
MIN_PROBABILITY = 2.0**-20

_FAMILY = stream.model.Categorical(perfect=False)
_WORD = 4  # bytes


@dataclass(frozen=True, eq=False)
class EntropyTable:
    """Probabilities of the symbols of every latent element, the same on robot and host.

    Attributes:
        probabilities: float32 [elements, levels], C-contiguous, at least 2^-20, rows sum to 1.
        lowest: the symbol of the first column, -32768 to 32768.
    Raises:
        ValueError: the table cannot drive a range coder.
    """

    probabilities: NDArray[np.float32]
    lowest: int

    def __post_init__(self) -> None:
        table = self.probabilities
        if table.dtype != np.float32 or table.ndim != 2 or len(table) == 0:
            raise ValueError(
                "entropy table: expected float32 [elements, levels], "
                f"got {table.dtype} {list(table.shape)}"
            )
        # The coder reads rows as they lie in memory.
        if not table.flags.c_contiguous:
            raise ValueError("entropy table: expected a C-contiguous array")
        if not 2 <= table.shape[1] <= MAX_LEVELS:
            raise ValueError(f"entropy table: {table.shape[1]} levels, expected 2 to {MAX_LEVELS}")
        # Written so that NaN fails as well.
        if not np.all(table >= MIN_PROBABILITY):
            raise ValueError(f"entropy table: probabilities must be at least {MIN_PROBABILITY:.3g}")
        if not np.all(np.abs(table.sum(axis=1) - 1) < 1e-3):
            raise ValueError("entropy table: rows must sum to 1")
        if not -MAX_LOWEST <= self.lowest <= MAX_LOWEST:
            raise ValueError(
                f"entropy table: lowest symbol {self.lowest}, "
                f"expected {-MAX_LOWEST} to {MAX_LOWEST}"
            )

    @property
    def elements(self) -> int:
        return self.probabilities.shape[0]

    @property
    def levels(self) -> int:
        return self.probabilities.shape[1]

    def ideal_bits(self, symbols: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the code length -log2 p of symbols [..., elements], summed over the elements."""
        likelihood = self.probabilities[np.arange(self.elements), symbols - self.lowest]
        return -np.log2(likelihood.astype(np.float64)).sum(axis=-1)

    def encode(self, symbols: NDArray[np.int32]) -> bytes:
        """Return the shortest payload of whole bytes that decodes to symbols [elements].

        Raises:
            ValueError: wrong number of symbols, or one outside the table.
        """
        columns = np.ascontiguousarray(symbols - self.lowest, dtype=np.int32)
        if columns.shape != (self.elements,):
            raise ValueError(f"expected {self.elements} symbols, got shape {columns.shape}")
        if columns.min() < 0 or columns.max() >= self.levels:
            raise ValueError(f"symbols must be in {self.lowest} .. {self.lowest + self.levels - 1}")
        coder = stream.queue.RangeEncoder()
        coder.encode(columns, _FAMILY, self.probabilities)
        return _shortest(coder)

    def decode(self, payload: bytes) -> NDArray[np.int32]:
        """Return symbols [elements].

        Raises:
            PacketError: the bytes are no range code at all. Most wrong bytes do decode, to
                something: a packet's checksum judges them.
        """
        # The most that the coder can read: its state of two words, then a word a symbol.
        size = _WORD * (self.elements + 2)
        padded = payload[:size].ljust(size, b"\xff")
        words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        try:
            columns = stream.queue.RangeDecoder(words).decode(_FAMILY, self.probabilities)
        except AssertionError as error:  # constriction's word for invalid data
            raise PacketError("the payload is no range code under its entropy table") from error
        return columns + np.int32(self.lowest)


def _shortest(coder: stream.queue.RangeEncoder) -> bytes:
    """Return the fewest bytes that, followed by 0xFF for ever, lie in the coder's final interval.

    The interval is [lower, lower + width), a pair of 64-bit numbers that stand after `position`
    whole words; a carry may still reach into those words, so the arithmetic is done on all of them.
    """
    position, (lower, width) = coder.pos()
    sealed = coder.get_compressed()
    size = _WORD * (position + 2)
    inside = int.from_bytes(sealed.astype(">u4").tobytes().ljust(size, b"\xff")[:size], "big")
    start = inside - ((inside - lower) & 0xFFFF_FFFF_FFFF_FFFF)
    dropped = 0
    while dropped < size and (start | ((1 << 8 * (dropped + 1)) - 1)) < start + width:
        dropped += 1
    return (start >> 8 * dropped).to_bytes(size - dropped, "big")
