"""Rows of the report that `make torture` prints."""

from collections.abc import Callable

Row = Callable[[str, int, str, str, bool], None]
Amount = Callable[[float, float], float]
