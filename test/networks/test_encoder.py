"""The encoder as it is described and as it is trained."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from trained import as_trained

from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.encoder import Encoder, deploy, restore
from jcc_ros.networks.preprocess import Preprocess
from jcc_ros.training.config import read_config

CONFIGS = Path(__file__).parents[2] / "config/train"


@pytest.mark.parametrize("name", ["cifar10.yaml", "cifar100.yaml", "digits.yaml"])
def test_is_light(name: str) -> None:
    encoder = deploy(Encoder(read_config(CONFIGS / name).encoder).eval())
    assert encoder.parameters <= 100_000
    assert encoder.config.multiply_adds <= 12_000_000


def test_multiply_adds_of_the_default_shape_by_hand() -> None:
    config = EncoderConfig(input=Preprocess(height=32, width=32))
    stem = 16 * 16 * 36 * 3 * 6 * 6
    first = 2 * 16 * 16 * 36 * 36 * 9
    second = 8 * 8 * 48 * 36 * 9 + 2 * 8 * 8 * 48 * 48 * 9
    head = 4 * 4 * 16 * 48 * 9
    assert config.multiply_adds == stem + first + second + head


def test_multiply_adds_of_inverted_blocks_by_hand() -> None:
    config = EncoderConfig(input=Preprocess(height=32, width=32), block="inverted")
    stem = 16 * 16 * 36 * 3 * 4 * 4
    first = 16 * 16 * (144 * 9 + 2 * 36 * 144)
    second = 8 * 8 * 48 * 36 * 9 + 8 * 8 * (192 * 9 + 2 * 48 * 192)
    head = 4 * 4 * 16 * 48 * 9
    assert config.multiply_adds == stem + first + second + head


@pytest.mark.parametrize("block", ["basic", "inverted"])
@torch.no_grad()
def test_what_the_robot_runs_can_be_trained_on(block: str) -> None:
    torch.manual_seed(0)
    config = EncoderConfig(input=Preprocess(height=24, width=32), mean=(0.4, 0.5, 0.6), block=block)
    encoder = as_trained(Encoder(config))
    images = torch.rand(40, 3, 24, 32)
    restored = restore(deploy(encoder), images)
    assert restored.state_dict().keys() == encoder.state_dict().keys()
    expected = encoder(images)
    torch.testing.assert_close(restored(images), expected, rtol=1e-3, atol=1e-3)
    # Nor does a batch of such images change anything in training, but for the tiny `eps`.
    torch.testing.assert_close(restored.train()(images), expected, rtol=1e-2, atol=1e-2)


SIZES = [
    *((side, side) for side in (8, 9, 16, 31, 32, 33, 47, 64, 100, 224, 500)),
    *((8, 128), (128, 8), (15, 255), (30, 40), (120, 160), (97, 411), (480, 640), (360, 33)),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("stem", "stages"), [(16, 1), (16, 2), (16, 4), (32, 3)])
@torch.no_grad()
def test_latent_shape_is_that_of_the_latent(size: tuple[int, int], stem: int, stages: int) -> None:
    config = EncoderConfig(
        input=Preprocess(height=size[0], width=size[1]),
        stem=stem,
        channels=3,
        widths=(2,) * stages,
        blocks=(0,) * stages,
    )
    assert Encoder(config).eval()(torch.zeros(1, 3, *size)).shape[1:] == config.latent_shape


@pytest.mark.parametrize("side", [32, 64, 96, 224, 480, 1024])
@pytest.mark.parametrize("stages", [2, 3])
def test_the_latent_stays_small_whatever_the_input(side: int, stages: int) -> None:
    config = EncoderConfig(
        input=Preprocess(height=side, width=side),
        stem=4 * 2**stages,
        widths=(8,) * stages,
        blocks=(0,) * stages,
    )
    _, height, width = config.latent_shape
    assert height == width
    assert 4 <= height <= 5


@torch.no_grad()
def test_mean_and_deviation_are_taken_out() -> None:
    torch.manual_seed(0)
    size = Preprocess(height=16, width=16)
    plain = Encoder(EncoderConfig(input=size, mean=(0, 0, 0), std=(1, 1, 1))).eval()
    scaled = Encoder(EncoderConfig(input=size, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))).eval()
    scaled.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 16, 16)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    normal = (images - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(scaled(images), plain(normal))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"blocks": (1,)}, "differ in length"),
        ({"widths": ()}, "widths"),
        ({"widths": (2,) * 9, "blocks": (1,) * 9}, "widths"),
        ({"widths": (0, 4)}, "widths"),
        ({"channels": 0}, "channels"),
        ({"mean": (0.5, 0.5, float("nan"))}, "mean"),
        ({"std": (0.5, 0.5, float("nan"))}, "std"),
        ({"std": (0.5, 0.5, 0.0)}, "std"),
        ({"std": (0.5, 0.5, float("inf"))}, "std"),
        ({"depth": 3}, "depth"),
        ({"input": {"height": 8, "width": 144}}, "8 x 144 is too narrow"),
        ({"input": {"height": 1024, "width": 63}}, "1024 x 63 is too narrow"),
    ],
)
def test_refuses_unusable_configurations(wrong: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        EncoderConfig(**{"input": {"height": 32, "width": 32}, **wrong})
