"""Times of any clock as messages."""

import pytest

from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.nodes.stamps import to_time


@pytest.mark.parametrize("seconds", [0, -5, 2**31 - 1, 2**31, 2**33 + 7])
def test_stamps_of_any_clock_fit_into_messages(seconds: int) -> None:
    stamp = to_time(seconds * 10**9 + 5)
    assert -(2**31) <= stamp.sec < 2**31
    assert (stamp.sec - seconds) % 2**32 == 0
    assert stamp.nanosec == 5


@pytest.mark.parametrize("stamp", [0, 1, -1, -(2**31) * 10**9, 2**31 * 10**9 - 1])
def test_what_fits_into_messages_comes_back(stamp: int) -> None:
    assert nanoseconds(to_time(stamp)) == stamp
