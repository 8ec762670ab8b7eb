"""What is no number, or no list, of the kind that is asked for is named."""

from argparse import ArgumentTypeError

import pytest

from jcc_ros.commands.arguments import above_zero, from_zero, indices, positive, whole


def test_numbers():
    assert positive("3") == 3
    assert whole("0", 0, 9) == 0
    assert above_zero("0.5") == 0.5
    assert from_zero("0") == 0


@pytest.mark.parametrize("text", ["abc", "", "0", "-1", "1.5", "nan"])
def test_not_positive(text):
    with pytest.raises(ArgumentTypeError, match=f"'{text}' is not a whole number from 1 upwards"):
        positive(text)


@pytest.mark.parametrize("text", ["abc", "-1", "10"])
def test_not_within_bounds(text):
    with pytest.raises(ArgumentTypeError, match=f"'{text}' is not a whole number from 0 to 9"):
        whole(text, 0, 9)


@pytest.mark.parametrize("text", ["abc", "0", "-1", "nan", "inf", "1e999"])
def test_not_above_zero(text):
    with pytest.raises(ArgumentTypeError, match=f"'{text}' is not a number above 0"):
        above_zero(text)


@pytest.mark.parametrize("text", ["abc", "-0.1", "nan", "inf"])
def test_below_zero(text):
    with pytest.raises(ArgumentTypeError, match=f"'{text}' is not a number from 0 upwards"):
        from_zero(text)


def test_above_what_is_allowed():
    assert from_zero("30", most=30) == 30
    with pytest.raises(ArgumentTypeError, match="'31' is not a number from 0 to 30"):
        from_zero("31", most=30)
    assert above_zero("30", most=30) == 30
    with pytest.raises(ArgumentTypeError, match="'31' is not a number above 0 and up to 30"):
        above_zero("31", most=30)


def test_indices_are_in_order_and_each_there_once():
    assert indices("5,0, 3,0") == (0, 3, 5)


@pytest.mark.parametrize("text", ["", "all", "1,", "1.5"])
def test_no_indices(text):
    with pytest.raises(ArgumentTypeError, match=f"'{text}' is not a list of indices"):
        indices(text)
