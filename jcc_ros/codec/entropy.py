"""Range coding of symbols under a frozen entropy table.

The coder is constriction's (Bamler, "Understanding Entropy Coding With Asymmetric Numeral Systems",
arXiv 2201.01741). It ends a stream on a 32-bit word; here a payload ends on the first byte that
still identifies the symbols, and the decoder reads 0xFF beyond the end.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from jcc_ros.codec.errors import PacketError

MAX_LEVELS = 256
MAX_COMPONENTS = 256
MAX_ROWS = 256
MAX_LOWEST = 1 << 15  # either sign
# Keeps every symbol's frequency positive after rounding: constriction aborts on one that is not.
MIN_PROBABILITY = 2.0**-20

_FAMILY = stream.model.Categorical(perfect=False)
_WORD = 4  # bytes


@dataclass(frozen=True, eq=False)
class EntropyTable:
    """Probabilities of the symbols of every latent element, the same on robot and host.

    A mixture: a latent is coded under that component which makes it shortest, and the payload
    begins with the component's number. What the elements of one latent have in common, such as the
    look of a class, is so paid for once instead of in every element; it is the side information of
    a hyperprior (Balle et al., arXiv 1802.01436) with as many values as there are components.

    Elements whose symbols are distributed alike, in whatever component, share a row, which keeps
    tables of many components small.

    Attributes:
        rows: float32 [rows, levels], C-contiguous, the probabilities of an element's symbols: at
            least 2^-20, each row sums to 1.
        indexes: uint8 [components, elements], the row of each element.
        shares: how often each component is used, float32 [components], likewise.
        lowest: the symbol of the first column, -32768 to 32768.
    Raises:
        ValueError: the table cannot drive a range coder.
    """

    rows: NDArray[np.float32]
    indexes: NDArray[np.uint8]
    shares: NDArray[np.float32]
    lowest: int

    def __post_init__(self) -> None:
        for name, values, kind, axes in (
            ("rows", self.rows, np.float32, "[rows, levels]"),
            ("indexes", self.indexes, np.uint8, "[components, elements]"),
            ("shares", self.shares, np.float32, "[components]"),
        ):
            if values.dtype != kind or values.ndim != 1 + axes.count(","):
                raise ValueError(
                    f"entropy table: expected {name} {axes} in {np.dtype(kind)}, "
                    f"got {list(values.shape)} in {values.dtype}"
                )
        # The coder reads rows as they lie in memory.
        if not self.rows.flags.c_contiguous:
            raise ValueError("entropy table: expected C-contiguous rows")
        for name, count, least, most in (
            ("rows", len(self.rows), 1, MAX_ROWS),
            ("levels", self.levels, 2, MAX_LEVELS),
            ("components", self.components, 1, MAX_COMPONENTS),
            ("shares", len(self.shares), self.components, self.components),
        ):
            if not least <= count <= most:
                expected = f"{least} to {most}" if least < most else f"{least}"
                raise ValueError(f"entropy table: {count} {name}, expected {expected}")
        if self.elements == 0:
            raise ValueError("entropy table: no elements")
        if self.indexes.max() >= len(self.rows):
            raise ValueError(
                f"entropy table: row index {self.indexes.max()}, there are {len(self.rows)} rows"
            )
        for values in (self.rows, self.shares):
            # Written so that NaN fails as well.
            if not np.all(values >= MIN_PROBABILITY):
                raise ValueError(
                    f"entropy table: probabilities must be at least {MIN_PROBABILITY:.3g}"
                )
            if not np.all(np.abs(values.sum(axis=-1) - 1) < 1e-3):
                raise ValueError("entropy table: rows, and the shares, must sum to 1")
        if not -MAX_LOWEST <= self.lowest <= MAX_LOWEST:
            raise ValueError(
                f"entropy table: lowest symbol {self.lowest}, "
                f"expected {-MAX_LOWEST} to {MAX_LOWEST}"
            )

    @property
    def components(self) -> int:
        """How many tables it is a mixture of."""
        return self.indexes.shape[0]

    @property
    def elements(self) -> int:
        """How many symbols it codes."""
        return self.indexes.shape[1]

    @property
    def levels(self) -> int:
        """How many values a symbol can have."""
        return self.rows.shape[1]

    def probabilities(self, component: int) -> NDArray[np.float32]:
        """Return the probabilities [elements, levels] in a component."""
        return self.rows.take(self.indexes[component], axis=0)  # twice as fast as [...]

    def ideal_bits(self, symbols: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the code length -log2 p of symbols [..., elements], its component included."""
        *batch, elements = symbols.shape
        rows = symbols.reshape(-1, elements) - self.lowest
        return np.array([self._lengths(row).min() for row in rows], np.float64).reshape(batch)

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
        component = 0
        if self.components > 1:
            component = int(self._lengths(columns).argmin())
            coder.encode(np.array([component], np.int32), _FAMILY, self.shares[None])
        coder.encode(columns, _FAMILY, self.probabilities(component))
        return _shortest(coder)

    def decode(self, payload: bytes) -> NDArray[np.int32]:
        """Return symbols [elements].

        Raises:
            PacketError: the bytes are no range code at all. Most wrong bytes do decode, to
                something: a packet's checksum judges them.
        """
        # The most that the coder can read: its state of two words, then a word a symbol, the
        # component among them.
        size = _WORD * (self.elements + 3)
        padded = payload[:size].ljust(size, b"\xff")
        words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        try:
            coder = stream.queue.RangeDecoder(words)
            component = 0
            if self.components > 1:
                component = coder.decode(_FAMILY, self.shares[None])[0]
            columns = coder.decode(_FAMILY, self.probabilities(component))
        except AssertionError as error:  # constriction's word for invalid data
            raise PacketError(
                "the payload is not a valid range code for its entropy table"
            ) from error
        return columns + np.int32(self.lowest)

    def _lengths(self, columns: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the code length in bits of columns [elements] under each component."""
        share_bits, symbol_bits, first = self._bits
        return share_bits + symbol_bits.take(first + columns).sum(axis=1)

    @cached_property
    def _bits(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """-log2 of the shares and of all rows, one after the other, and where in these the row of
        each component's elements begins. An encoder's alone."""
        first = self.levels * self.indexes.astype(np.int64)
        return -np.log2(self.shares), -np.log2(self.rows).ravel(), first


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
