import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader import Point, RefusedError, decode_payload, frequencies
from tables import random_table, single

from jcc_ros.codec.entropy import MAX_LEVELS, MIN_PROBABILITY, EntropyTable
from jcc_ros.codec.errors import PacketError


def table_of(*row: float, elements: int = 1, lowest: int = 0) -> EntropyTable:
    indexes = np.zeros((1, elements), np.uint8)
    return EntropyTable(np.float32([row]), indexes, np.ones(1, np.float32), lowest)


def as_point(table: EntropyTable) -> Point:
    """Return what the independent reader knows of a table."""
    lists = [values.tolist() for values in (table.shares, table.indexes, table.rows)]
    return Point(1, 1, table.lowest, *lists)


@st.composite
def tables_and_symbols(draw: st.DrawFn) -> tuple[EntropyTable, np.ndarray]:
    """Tables of all sizes; symbols that fit them, sometimes probable, sometimes not."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    elements, levels = draw(st.integers(1, 80)), draw(st.integers(2, MAX_LEVELS))
    components = draw(st.sampled_from([1, 1, 2, 3, 16]))
    table = random_table(rng, elements, levels, draw(st.integers(-300, 300)), components)
    columns = rng.integers(0, levels, elements)
    probable = rng.random(elements) < draw(st.floats(0, 1))
    favourites = table.probabilities(rng.integers(components)).argmax(axis=1)
    columns[probable] = favourites[probable]
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
    # Components of nearly the same length are told apart in single precision.
    cost = min(
        code_length(table, component, symbols - table.lowest)
        for component in range(table.components)
    ) + (1e-3 if table.components > 1 else 0)
    # The coder's state has at least 32 bits: 2^-8 of its width at most is lost in a symbol.
    cost += (table.elements + 1) * math.log2(1 + 2**-8)
    assert 8 * len(payload) < cost + 8
    assert not payload.endswith(b"\xff")
    try:
        shorter = table.decode(payload[:-1])
    except PacketError:
        return
    assert not np.array_equal(shorter, symbols)


def code_length(table: EntropyTable, component: int, columns: np.ndarray) -> float:
    """Return the bits of columns under a component, as the coder's frequencies say."""
    rows = list(zip(table.probabilities(component), columns, strict=True))
    if table.components > 1:
        rows.append((table.shares, component))
    cost = 0.0
    for row, column in rows:
        left = frequencies(row.tolist())
        cost += 24 - math.log2(left[column + 1] - left[column])
    return cost


def test_payloads_are_near_the_ideal_length_on_average(rng: np.random.Generator) -> None:
    table = random_table(rng, 64, 20, -10, components=4)
    cumulative = table.rows.astype(np.float64).cumsum(axis=1)
    chosen = table.indexes[rng.integers(4, size=1000)]
    cumulative = (cumulative / cumulative[:, -1:])[chosen]
    drawn = (rng.random((1000, 64, 1)) > cumulative).sum(axis=2) - 10
    symbols = drawn.astype(np.int32)
    real = np.mean([8 * len(table.encode(row)) for row in symbols])
    assert real <= 1.03 * table.ideal_bits(symbols).mean() + 3


def test_ideal_bits_by_hand() -> None:
    table = table_of(0.25, 0.5, 0.25, elements=3, lowest=-1)
    batch = np.array([[0, 0, 0], [-1, 0, 1]], np.int32)
    assert table.ideal_bits(batch).tolist() == [3.0, 5.0]
    assert table.ideal_bits(batch[0]) == 3.0


def test_ideal_bits_of_a_mixture_by_hand() -> None:
    rows = np.float32([[0.5, 0.5], [0.125, 0.875]])
    indexes = np.uint8([[0, 0], [1, 0]])
    table = EntropyTable(rows, indexes, np.float32([0.75, 0.25]), 0)
    ideal = table.ideal_bits(np.array([[0, 0], [1, 1]], np.int32))
    np.testing.assert_allclose(ideal, [2 - np.log2(0.75), 2 - np.log2(0.75)], rtol=1e-6)
    even = EntropyTable(rows, indexes, np.float32([0.5, 0.5]), 0)
    ideal = even.ideal_bits(np.array([1, 1], np.int32))
    np.testing.assert_allclose(ideal, 1 + 1 - np.log2(0.875), rtol=1e-6)


def test_a_mixture_is_as_short_as_the_component_that_fits() -> None:
    rng = np.random.default_rng(0)
    table = random_table(rng, 64, 8, 0, components=8)
    for component in range(table.components):
        rows = table.probabilities(component)
        cumulative = rows.cumsum(axis=1) / rows.sum(axis=1, keepdims=True)
        drawn = (rng.random((200, 64, 1)) > cumulative).sum(axis=2).astype(np.int32)
        mixed = np.mean([len(table.encode(row)) for row in drawn])
        alone = np.mean([len(single(rows, 0).encode(row)) for row in drawn])
        assert 8 * (mixed - alone) < -np.log2(table.shares[component]) + 1


@pytest.mark.parametrize("elements", [10, 50, 400])
def test_any_number_of_trailing_ones_is_trimmed_and_read_back(elements: int) -> None:
    # 7F FF FF ... lies just below the middle, on which every interval of these symbols borders.
    table = table_of(0.5, 0.5, elements=elements)
    symbols = np.array(decode_payload(b"\x7f", as_point(table)))
    assert table.encode(symbols.astype(np.int32)) == b"\x7f"
    assert table.decode(b"\x7f").tolist() == symbols.tolist()


@given(tables_and_symbols(), st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused_as_by_the_independent_reader(
    drawn: tuple[EntropyTable, np.ndarray], payload: bytes
) -> None:
    table, _ = drawn
    try:
        expected = decode_payload(payload, as_point(table))
    except RefusedError:
        with pytest.raises(PacketError, match="not a valid range code"):
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


good = np.full((3, 4), 0.25, np.float32)
some = np.uint8([[0, 1, 2, 1, 0], [2, 2, 2, 2, 2]])
even = np.full(2, 0.5, np.float32)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (good.astype(np.float64), r"rows \[rows, levels\] in float32, got \[3, 4\] in float64"),
        (good.astype(">f4"), "in float32"),
        (good[0], r"\[rows, levels\]"),
        (good[None], r"\[rows, levels\]"),
        (np.asfortranarray(good), "C-contiguous"),
        (np.full((3, 8), 0.25, np.float32)[:, ::2], "C-contiguous"),
        (np.ones((3, 1), np.float32), "1 levels, expected 2 to 256"),
        (np.full((3, 257), 1 / 257, np.float32), "257 levels"),
        (good[:0], "0 rows, expected 1 to 256"),
        (np.full((257, 2), 0.5, np.float32), "257 rows"),
        (good[:2], "row index 2, there are 2 rows"),
        (np.float32([[0.5, 0.5, 0.0]] * 3), "at least"),
        (np.float32([[0.5, 0.5 - 1e-7, 1e-7]] * 3), "at least"),
        (np.float32([[1.5, -0.5]] * 3), "at least"),
        (np.float32([[0.5, np.nan]] * 3), "at least"),
        (np.float32([[0.5, np.inf]] * 3), "sum to 1"),
        (np.float32([[0.5, 0.5], [0.5, 0.5], [0.5, 0.4]]), "sum to 1"),
        (np.float32([[0.5, 0.6]] * 3), "sum to 1"),
    ],
)
def test_refuses_rows_that_cannot_drive_a_coder(rows: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=f"entropy table: .*{why}"):
        EntropyTable(rows, some, even, 0)


@pytest.mark.parametrize(
    ("indexes", "why"),
    [
        (some.astype(np.int32), r"indexes \[components, elements\] in uint8"),
        (some[0], r"\[components, elements\]"),
        (some[:, :0], "no elements"),
        (some[:0], "0 components, expected 1 to 256"),
        (np.zeros((257, 1), np.uint8), "257 components"),
        (some[:1], "2 shares, expected 1"),
        (some + np.uint8(1), "row index 3, there are 3 rows"),
    ],
)
def test_refuses_indexes_that_cannot_drive_a_coder(indexes: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=f"entropy table: .*{why}"):
        EntropyTable(good, indexes, even, 0)


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        (even.astype(np.float64), r"shares \[components\] in float32, got \[2\] in float64"),
        (even[:1], "1 shares, expected 2"),
        (good, r"shares \[components\]"),
        (np.float32([0.5, 0.6]), "sum to 1"),
        (np.float32([1.0, 0.0]), "at least"),
        (np.float32([0.5, np.nan]), "at least"),
    ],
)
def test_refuses_shares_that_cannot_drive_a_coder(shares: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=f"entropy table: .*{why}"):
        EntropyTable(good, some, shares, 0)


@pytest.mark.parametrize("lowest", [-32769, 32769, 1 << 40])
def test_refuses_alphabets_far_from_zero(lowest: int) -> None:
    with pytest.raises(ValueError, match="lowest symbol"):
        EntropyTable(good, some, even, lowest)
