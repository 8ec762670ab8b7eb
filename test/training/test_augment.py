"""Views keep shape and range; switched off, they are the images."""

import pytest
import torch

from jcc_ros.training.augment import augment
from jcc_ros.training.config import Augment


@pytest.fixture
def images() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(16, 3, 12, 20)


def test_off_is_identity(images):
    views = augment(images, Augment(shift=0.0))
    torch.testing.assert_close(views, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "change",
    [
        {"shift": 0.3},
        {"shift": 0.0, "rotate": 90},
        {"shift": 0.0, "scale": 0.5},
        {"shift": 0.0, "flip": True},
        {"shift": 0.0, "cutout": 0.5},
        {"shift": 0.0, "crop": 0.2},
        {"shift": 0.3, "rotate": 180, "scale": 0.9, "flip": True, "cutout": 0.9},
    ],
)
def test_views_differ_but_keep_shape_and_range(images, change):
    views = augment(images, Augment(**change))
    assert views.shape == images.shape
    assert views.min() >= 0
    assert views.max() <= 1 + 1e-6
    assert not torch.allclose(views, images, atol=1e-3)


def test_shift_moves_whole_pixels(images):
    for image, view in zip(images, augment(images, Augment(shift=0.25)), strict=True):
        inner = view[:, 3:-3, 5:-5]
        offsets = [(y, x) for y in range(7) for x in range(11)]
        errors = [(image[:, y : y + 6, x : x + 10] - inner).abs().max() for y, x in offsets]
        assert min(errors) < 1e-4


def test_flip_mirrors_some_images_and_leaves_the_others(images):
    views = augment(images, Augment(shift=0.0, flip=True))
    kept = (views - images).abs().amax(dim=(1, 2, 3)) < 1e-4
    mirrored = (views - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert kept.any()
    assert mirrored.any()
    assert (kept | mirrored).all()


def test_cutout_blanks_one_square_of_at_most_the_given_side(images):
    changed = (augment(images, Augment(shift=0.0, cutout=0.5)) - images).abs() > 1e-3
    for mask in changed.any(dim=1):
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert 1 <= rows.sum() <= 7
        assert 1 <= columns.sum() <= 11


def test_views_follow_the_seed(images):
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(augment(images, Augment(shift=0.2, rotate=20)))
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


def test_crop_keeps_at_least_the_given_share_and_nothing_from_outside():
    rows, columns = torch.meshgrid(torch.arange(40) / 40, torch.arange(40) / 40, indexing="ij")
    images = torch.stack([rows, columns, torch.zeros(40, 40)]).expand(200, 3, 40, 40)
    torch.manual_seed(0)
    views = augment(images, Augment(shift=0.0, crop=0.25))
    spans = views[:, :2].amax(dim=(2, 3)) - views[:, :2].amin(dim=(2, 3))
    shares = spans.prod(dim=1)
    # Corners of pixels are not seen, so a view spans a little less than it covers.
    assert 0.2 < shares.min() < 0.35
    assert shares.max() > 0.8
    # Rows rise, columns rise: nothing was reflected in.
    assert (views[:, 0].diff(dim=1) > 0).all()
    assert (views[:, 1].diff(dim=2) > 0).all()


@pytest.mark.parametrize("crop", [0.7, 0.8, 0.95])
def test_a_crop_of_nearly_all_keeps_the_given_share(crop):
    rows, columns = torch.meshgrid(torch.arange(200) / 199, torch.arange(200) / 199, indexing="ij")
    images = torch.stack([rows, columns, torch.zeros(200, 200)]).expand(200, 3, 200, 200)
    torch.manual_seed(0)
    views = augment(images, Augment(shift=0.0, crop=crop))
    shares = (views[:, :2].amax(dim=(2, 3)) - views[:, :2].amin(dim=(2, 3))).prod(dim=1)
    # As above, a little less than it covers; of 200 draws, one comes close to the least share.
    assert crop - 0.01 < shares.min() < crop + 0.02


def test_rotation_keeps_right_angles_in_any_shape(monkeypatch):
    """A thin bar through the middle of a wide image comes out at the angle that was drawn."""
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size))
    height, width = 48, 160
    across, down = torch.zeros(1, 3, height, width), torch.zeros(1, 3, height, width)
    across[:, :, 23:25], down[:, :, :, 79:81] = 1, 1
    y, x = torch.meshgrid(
        torch.arange(height) - height / 2 + 0.5,
        torch.arange(width) - width / 2 + 0.5,
        indexing="ij",
    )
    for bar, lying in (across, True), (down, False):
        view = augment(bar, Augment(shift=0.0, rotate=30))[0, 0] * (x.abs() < 20) * (y.abs() < 20)
        # The direction along which the bar's pixels lie, by their moments.
        xx, yy, xy = ((view * a * b).sum() for a, b in ((x, x), (y, y), (x, y)))
        tilt = torch.rad2deg(torch.atan2(2 * xy, xx - yy) / 2).abs()
        assert tilt == pytest.approx(30 if lying else 60, abs=2)
