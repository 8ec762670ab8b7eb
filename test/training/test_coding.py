"""Training images that went through JPEG or WebP, drawn by the seed."""

import numpy as np
import pytest
import torch

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.lossy import decode, encode
from jcc_ros.training import augment as views
from jcc_ros.training.augment import augment
from jcc_ros.training.coding import coded, delivered
from jcc_ros.training.config import Augment, ImageCodec
from jcc_ros.training.loop import to_unit


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return to_unit(torch.from_numpy(digits("test").images[:40]))


@pytest.mark.parametrize("name", ["JPEG", "WebP"])
def test_every_image_has_a_quality_of_its_own(images, name):
    same = images[:1].expand(40, -1, -1, -1)
    arrived = coded(same, ImageCodec(name=name, qualities=(1, 95)))
    assert arrived.shape == same.shape
    assert len({image.numpy().tobytes() for image in arrived}) > 20
    errors = (arrived - same).abs().mean(dim=(1, 2, 3))
    assert errors.max() > 3 * errors.min() > 0


def test_one_quality_is_what_the_codec_delivers(images):
    arrived = coded(images, ImageCodec(name="JPEG", qualities=(30, 30)))
    pixels = (255 * images[3]).byte().permute(1, 2, 0).numpy()
    expected = torch.from_numpy(decode(encode("JPEG", pixels, 30)))
    assert torch.equal(arrived[3], to_unit(expected[None])[0])


def test_qualities_follow_the_seed(images):
    arrived = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        arrived.append(coded(images, ImageCodec(name="JPEG", qualities=(1, 95))))
    assert torch.equal(arrived[0], arrived[1])
    assert not torch.equal(arrived[0], arrived[2])


def test_images_are_coded_before_they_are_moved(images, monkeypatch):
    monkeypatch.setattr(views, "coded", lambda images, codec: torch.ones_like(images))
    codec = ImageCodec(name="JPEG", qualities=(1, 95))
    assert augment(images, Augment(shift=0.2, codec=codec)).min() > 0.999


def test_validation_images_arrive_at_the_middle_quality():
    data = digits("test").sample(3, seed=0)
    arrived = delivered(data, ImageCodec(name="WebP", qualities=(10, 31)))
    for before, after in zip(data.images, arrived.images, strict=True):
        assert np.array_equal(after, decode(encode("WebP", before, 20)))
    assert delivered(data, None) is data
