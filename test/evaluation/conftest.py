"""A tiny model and held-out digits, as bags show them."""

from pathlib import Path

import pytest
from recordings import Halves, Recording, drive

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.evaluation.plan import Options
from jcc_ros.networks.model import load_model


@pytest.fixture(scope="session")
def tiny_halves(tiny_model: Path) -> Halves:
    return load_model(tiny_model)


@pytest.fixture(scope="session")
def seen() -> LabelledImages:
    """150 held-out digits."""
    return digits("test").sample(150, seed=0)


@pytest.fixture(scope="session")
def driven(tiny_halves: Halves, seen: LabelledImages) -> Recording:
    """200 frames with latents, labels and truth, without images."""
    return drive(tiny_halves, seen, 200)


@pytest.fixture(scope="session")
def filmed(tiny_halves: Halves, seen: LabelledImages) -> Recording:
    """90 frames with images and truth alone."""
    return drive(tiny_halves, seen, 90, images=True, latents=False, labels=False)


@pytest.fixture
def options(tiny_model: Path) -> Options:
    return Options(models=(tiny_model,))
