import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from jcc_ros.networks.preprocess import Preprocess

SIZES = [(1, 1), (1, 500), (500, 1), (7, 3), (31, 33), (32, 32), (48, 64), (480, 640), (641, 31)]


def picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wanted", [(32, 32), (24, 40), (8, 64), (64, 8)])
def test_any_size_becomes_the_wanted_one(
    rng: np.random.Generator, fit: str, size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    result = Preprocess(height=wanted[0], width=wanted[1], fit=fit)(picture(rng, *size))
    assert result.shape == (*wanted, 3)
    assert result.dtype == np.uint8


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_an_image_that_fits_keeps_its_pixels(rng: np.random.Generator, fit: str) -> None:
    image = picture(rng, 24, 40)
    np.testing.assert_array_equal(Preprocess(height=24, width=40, fit=fit)(image), image)


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_one_colour_stays_that_colour(fit: str) -> None:
    preprocess = Preprocess(height=16, width=16, fit=fit)
    for height, width in SIZES:
        image = np.full((height, width, 3), (10, 120, 250), np.uint8)
        assert (preprocess(image) == (10, 120, 250)).all()


def test_crop_keeps_the_centre_of_a_wide_image(rng: np.random.Generator) -> None:
    image = picture(rng, 32, 52)
    result = Preprocess(height=32, width=32)(image)
    np.testing.assert_array_equal(result, image[:, 10:42])


def test_crop_keeps_the_centre_of_a_tall_image(rng: np.random.Generator) -> None:
    image = picture(rng, 61, 32)
    result = Preprocess(height=32, width=32)(image)
    np.testing.assert_array_equal(result, image[14:46])


def test_stretch_keeps_the_whole_image() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 20:] = 200
    result = Preprocess(height=10, width=10, fit="stretch")(image)
    assert (result[:, :5] == 0).all()
    assert (result[:, 5:] == 200).all()


def test_shrinking_averages_areas(rng: np.random.Generator) -> None:
    image = picture(rng, 32, 32)
    expected = image.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    assert np.abs(Preprocess(height=8, width=8)(image) - expected).max() <= 0.5


def test_enlarging_interpolates(rng: np.random.Generator) -> None:
    image = picture(rng, 9, 9)
    expected = cv2.resize(image, (20, 20), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(Preprocess(height=20, width=20)(image), expected)


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::-1],
        lambda image: image[:, ::-1],
        lambda image: image[..., ::-1],
        lambda image: image[::2, ::3],
        lambda image: image.transpose(1, 0, 2),
    ],
    ids=["flipped", "mirrored", "bgr", "sparse", "transposed"],
)
def test_views_give_what_copies_give(rng: np.random.Generator, fit: str, view: object) -> None:
    image = view(picture(rng, 48, 64))
    preprocess = Preprocess(height=16, width=20, fit=fit)
    np.testing.assert_array_equal(preprocess(image), preprocess(image.copy()))


@pytest.mark.parametrize(
    "wrong", [{"height": 7}, {"width": 1025}, {"height": 16.5}, {"fit": "pad"}, {"depth": 3}]
)
def test_refuses_unusable_settings(wrong: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Preprocess(**{"height": 32, "width": 32, **wrong})
