import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader import Point, RefusedError, decode_payload, frequencies
from tables import random_table

from jcc_ros.codec.entropy import MAX_LEVELS, MIN_PROBABILITY, EntropyTable
from jcc_ros.codec.errors import PacketError


def table_of(*row: float, elements: int = 1, lowest: int = 0) -> EntropyTable:
    return EntropyTable(np.tile(np.float32(row), (elements, 1)), lowest)


@st.composite
def tables_and_symbols(draw: st.DrawFn) -> tuple[EntropyTable, np.ndarray]:
    """Tables of all sizes; symbols that fit them, sometimes probable, sometimes not."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    elements, levels = draw(st.integers(1, 80)), draw(st.integers(2, MAX_LEVELS))
    table = random_table(rng, elements, levels, draw(st.integers(-300, 300)))
    columns = rng.integers(0, levels, elements)
    probable = rng.random(elements) < draw(st.floats(0, 1))
    columns[probable] = table.probabilities.argmax(axis=1)[probable]
    return table, (columns + table.lowest).astype(np.int32)


@given(tables_and_symbols())
def test_symbols_survive_bit_exactly(drawn: tuple[EntropyTable, np.ndarray]) -> None:
    table, symbols = drawn
    decoded = table.decode(table.encode(symbols))
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, symbols)


@given(tables_and_symbols())
def test_a_payload_has_not_a_byte_too_many(drawn: tuple[EntropyTable, np.ndarray]) -> None:
    table, symbols = drawn
    payload = table.encode(symbols)
    cost = 0.0
    for row, column in zip(table.probabilities.tolist(), symbols - table.lowest, strict=True):
        left = frequencies(row)
        cost += 24 - math.log2(left[column + 1] - left[column])
    # The coder's state has at least 32 bits: 2^-8 of its width at most is lost in a symbol.
    cost += table.elements * math.log2(1 + 2**-8)
    assert 8 * len(payload) < cost + 8
    assert not payload.endswith(b"\xff")
    try:
        shorter = table.decode(payload[:-1])
    except PacketError:
        return
    assert not np.array_equal(shorter, symbols)


def test_payloads_are_near_the_ideal_length_on_average(rng: np.random.Generator) -> None:
    table = random_table(rng, 64, 20, -10)
    cumulative = table.probabilities.astype(np.float64).cumsum(axis=1)
    drawn = (rng.random((1000, 64, 1)) > cumulative / cumulative[:, -1:]).sum(axis=2) - 10
    symbols = drawn.astype(np.int32)
    real = np.mean([8 * len(table.encode(row)) for row in symbols])
    assert real <= 1.03 * table.ideal_bits(symbols).mean() + 3


def test_ideal_bits_by_hand() -> None:
    table = table_of(0.25, 0.5, 0.25, elements=3, lowest=-1)
    batch = np.array([[0, 0, 0], [-1, 0, 1]], np.int32)
    assert table.ideal_bits(batch).tolist() == [3.0, 5.0]


@pytest.mark.parametrize("elements", [10, 50, 400])
def test_any_number_of_trailing_ones_is_trimmed_and_read_back(elements: int) -> None:
    # 7F FF FF ... lies just below the middle, on which every interval of these symbols borders.
    table = table_of(0.5, 0.5, elements=elements)
    symbols = np.array(decode_payload(b"\x7f", Point(1, 1, 0, table.probabilities.tolist())))
    assert table.encode(symbols.astype(np.int32)) == b"\x7f"
    assert table.decode(b"\x7f").tolist() == symbols.tolist()


@given(tables_and_symbols(), st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused_as_by_the_independent_reader(
    drawn: tuple[EntropyTable, np.ndarray], payload: bytes
) -> None:
    table, _ = drawn
    point = Point(1, 1, table.lowest, table.probabilities.astype(float).tolist())
    try:
        expected = decode_payload(payload, point)
    except RefusedError:
        with pytest.raises(PacketError, match="no range code"):
            table.decode(payload)
    else:
        assert table.decode(payload).tolist() == expected


@settings(max_examples=300)
@given(st.integers(0, 1 << 32), st.integers(2, MAX_LEVELS), st.floats(-9e-4, 9e-4))
def test_no_table_that_is_accepted_stops_the_coder(seed: int, levels: int, excess: float) -> None:
    rng = np.random.default_rng(seed)
    row = rng.dirichlet(np.full(levels, 0.05))
    row = np.maximum(row * (1 + excess), MIN_PROBABILITY).astype(np.float32)
    row[-1] = row[0] = MIN_PROBABILITY
    row[row.argmax()] += np.float32(1 + excess) - row.sum()
    table = table_of(*row)
    for symbol in (0, levels // 2, levels - 2, levels - 1):
        only = np.array([symbol], np.int32)
        assert table.decode(table.encode(only)).tolist() == [symbol]


@pytest.mark.parametrize(
    ("symbols", "why"),
    [
        ([0, 0], "expected 3 symbols"),
        ([0, 0, 0, 0], "expected 3 symbols"),
        ([[0, 0, 0]], "expected 3 symbols"),
        ([0, -2, 0], r"-1 \.\. 1"),
        ([0, 0, 2], r"-1 \.\. 1"),
        ([0, 0, 2**31 - 1], r"-1 \.\. 1"),
    ],
)
def test_refuses_symbols_that_do_not_fit(symbols: list, why: str) -> None:
    table = table_of(0.25, 0.5, 0.25, elements=3, lowest=-1)
    with pytest.raises(ValueError, match=why):
        table.encode(np.array(symbols, np.int32))


good = np.full((4, 4), 0.25, np.float32)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (good.astype(np.float64), "float32"),
        (good.astype(">f4"), "float32"),
        (good[0], "elements, levels"),
        (good[:0], "elements, levels"),
        (np.asfortranarray(good), "C-contiguous"),
        (good[:, ::2] * 2, None),
        (good[::2], "C-contiguous"),
        (np.ones((4, 1), np.float32), "1 levels"),
        (np.full((4, 257), 1 / 257, np.float32), "257 levels"),
        (np.float32([[0.5, 0.5, 0.0]]), "at least"),
        (np.float32([[0.5, 0.5 - 1e-7, 1e-7]]), "at least"),
        (np.float32([[1.5, -0.5]]), "at least"),
        (np.float32([[0.5, np.nan]]), "at least"),
        (np.float32([[0.5, np.inf]]), "sum to 1"),
        (np.float32([[0.5, 0.5], [0.5, 0.4]]), "sum to 1"),
        (np.float32([[0.5, 0.6]]), "sum to 1"),
    ],
)
def test_refuses_tables_that_cannot_drive_a_coder(table: np.ndarray, why: str | None) -> None:
    if why is None:
        assert EntropyTable(table, 0).levels == table.shape[1]
    else:
        with pytest.raises(ValueError, match=f"entropy table: .*{why}"):
            EntropyTable(table, 0)


@pytest.mark.parametrize("lowest", [-32769, 32769, 1 << 40])
def test_refuses_alphabets_far_from_zero(lowest: int) -> None:
    with pytest.raises(ValueError, match="lowest symbol"):
        EntropyTable(good, lowest)
