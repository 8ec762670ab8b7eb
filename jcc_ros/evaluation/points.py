"""Operating points that are asked for."""

from collections.abc import Iterable

from jcc_ros.datasets.images import DataError
from jcc_ros.networks.encoder_model import EncoderModel


def check_points(points: Iterable[int], encoder: EncoderModel) -> None:
    """Make sure that a model has the operating points of these indices.

    Raises:
        DataError: names one that it does not have.
    """
    count = len(encoder.codec.ladder)
    for point in points:
        if not 0 <= point < count:
            raise DataError(f"no operating point {point}: {encoder.name} has 0 .. {count - 1}")
