"""Small models for the tests of the codec."""

import numpy as np
import pytest
from hypothesis import settings

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec

# A busy machine is no defect.
settings.register_profile("jcc", deadline=None)
settings.load_profile("jcc")


def random_table(rng: np.random.Generator, elements: int, levels: int, lowest: int) -> EntropyTable:
    """Return a table as calibration makes them: between flat and sharply peaked rows."""
    rows = rng.dirichlet(np.full(levels, rng.uniform(0.05, 2)), size=elements)
    return EntropyTable(((1 - 1e-3) * rows + 1e-3 / levels).astype(np.float32), lowest)


@pytest.fixture(scope="session")
def codec() -> LatentCodec:
    """A model of latents [8, 2, 3] with three operating points."""
    rng = np.random.default_rng(1)
    return LatentCodec(
        Ladder(
            (8, 2, 3),
            [
                OperatingPoint(1.0, 3, random_table(rng, 18, 5, -2), 20.0, 0.8),
                OperatingPoint(0.5, 5, random_table(rng, 30, 11, -5), 60.0, 0.9),
                OperatingPoint(0.25, 8, random_table(rng, 48, 41, -20), 180.0, 0.92),
            ],
        )
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)
