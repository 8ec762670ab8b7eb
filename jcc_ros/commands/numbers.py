"""Numbers on the command line."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from math import inf, isfinite


def positive(text: str) -> int:
    """Return a whole number above 0.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    return whole(text, 1, inf)


def whole(text: str, least: int, most: float) -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    with suppress(ValueError):
        value = int(text)
        if least <= value <= most:
            return value
    upwards = "on" if most == inf else f"to {most}"
    raise ArgumentTypeError(f"{text!r} is not a whole number from {least} {upwards}")


def above_zero(text: str) -> float:
    """Return a finite number above 0.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    return _number(text, lambda value: value > 0, "above 0")


def from_zero(text: str) -> float:
    """Return a finite number, 0 or above.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    return _number(text, lambda value: value >= 0, "from 0 on")


def _number(text: str, fits: Callable[[float], bool], where: str) -> float:
    with suppress(ValueError):
        value = float(text)
        if fits(value) and isfinite(value):
            return value
    raise ArgumentTypeError(f"{text!r} is not a number {where}")
