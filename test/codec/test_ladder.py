from dataclasses import replace

import numpy as np
import pytest
from tables import single

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint

SHAPE = (3, 2, 1)


def point(prefix: int = 2, bits: float = 10.0, elements: int | None = None) -> OperatingPoint:
    rows = np.full((2 * prefix if elements is None else elements, 4), 0.25, np.float32)
    return OperatingPoint(0.5, prefix, single(rows, -2), bits, 0.9)


def test_is_a_sequence_of_its_points() -> None:
    points = [point(1, 10.0), point(2, 20.0), point(3, 30.0)]
    ladder = Ladder(SHAPE, points)
    assert len(ladder) == 3
    assert ladder[1] is points[1]
    assert ladder[-1] is points[2]
    assert ladder[:2] == tuple(points[:2])
    assert list(ladder) == points


def test_holds_as_many_points_as_a_packet_can_name() -> None:
    points = [point(bits=float(i)) for i in range(33)]
    assert len(Ladder(SHAPE, points[:32])) == 32
    with pytest.raises(ValueError, match="ladder: 33 operating points, expected 1 to 32"):
        Ladder(SHAPE, points)
    with pytest.raises(ValueError, match="ladder: 0 operating points"):
        Ladder(SHAPE, [])


@pytest.mark.parametrize("step", [0.0, -0.5, float("nan"), float("inf"), 1e-7, 1e7])
def test_refuses_steps_that_quantise_nothing(step: float) -> None:
    with pytest.raises(ValueError, match="ladder: point 1 has step"):
        Ladder(SHAPE, [point(), replace(point(bits=20.0), step=step)])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (point(prefix=4), "point 0 has prefix 4, expected 1 to 3"),
        (replace(point(), prefix=0), "point 0 has prefix 0, expected 1 to 3"),
        (point(elements=5), "table of point 0 has 5 elements, expected 2 x 2 x 1"),
    ],
)
def test_refuses_points_that_contradict_the_shape(bad: OperatingPoint, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Ladder(SHAPE, [bad])


@pytest.mark.parametrize("bits", [10.0, 9.0])
def test_bits_must_rise(bits: float) -> None:
    with pytest.raises(ValueError, match="bits must rise"):
        Ladder(SHAPE, [point(bits=10.0), point(bits=bits)])


def changed(**change: object) -> OperatingPoint:
    return replace(point(), **change)


def mixture(share: float) -> EntropyTable:
    """Return a table of two components that are alike, the first with the given share."""
    table = point().table
    indexes = np.repeat(table.indexes, 2, axis=0)
    return EntropyTable(table.rows, indexes, np.float32([share, 1 - share]), -2)


skewed = np.tile(np.float32([0.25, 0.25, 0.25 + 1e-6, 0.25 - 1e-6]), (4, 1))


@pytest.mark.parametrize(
    "other",
    [
        Ladder((4, 2, 1), [point()]),
        Ladder((3, 1, 2), [point()]),
        Ladder(SHAPE, [point(), point(bits=20.0)]),
        Ladder(SHAPE, [changed(step=0.50001)]),
        Ladder(SHAPE, [point(prefix=3)]),
        Ladder(SHAPE, [changed(table=single(point().table.rows, -1))]),
        Ladder(SHAPE, [changed(table=single(skewed, -2))]),
        Ladder(SHAPE, [changed(table=replace(point().table, indexes=np.uint8([[0, 1, 2, 2]])))]),
        Ladder(SHAPE, [changed(table=mixture(0.5))]),
    ],
    ids=["channels", "plane", "points", "step", "prefix", "lowest", "row", "index", "components"],
)
def test_the_model_id_depends_on_all_that_packets_depend_on(other: Ladder) -> None:
    assert other.model_id != Ladder(SHAPE, [point()]).model_id


def test_the_model_id_depends_on_the_shares_of_a_mixture() -> None:
    even, uneven = (Ladder(SHAPE, [changed(table=mixture(share))]) for share in (0.5, 0.6))
    assert even.model_id != uneven.model_id


def test_the_model_id_does_not_depend_on_measurements() -> None:
    measured_anew = Ladder(SHAPE, [changed(bits=11.0, accuracy=0.5)])
    assert measured_anew.model_id == Ladder(SHAPE, [point()]).model_id
