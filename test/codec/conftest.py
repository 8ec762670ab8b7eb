"""Small models for the tests of the codec."""

import numpy as np
import pytest
from hypothesis import settings
from tables import random_table

from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec

# A busy machine is no defect.
settings.register_profile("jcc", deadline=None)
settings.load_profile("jcc")


@pytest.fixture(scope="session")
def codec() -> LatentCodec:
    """A model of latents [8, 2, 3] with three operating points."""
    rng = np.random.default_rng(1)
    return LatentCodec(
        Ladder(
            (8, 2, 3),
            [
                OperatingPoint(1.0, 3, random_table(rng, 18, 5, -2), 20.0, 0.8),
                OperatingPoint(0.5, 5, random_table(rng, 30, 11, -5, components=3), 60.0, 0.9),
                OperatingPoint(0.25, 8, random_table(rng, 48, 41, -20), 180.0, 0.92),
            ],
        )
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)
