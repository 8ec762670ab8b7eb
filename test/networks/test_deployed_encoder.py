"""The encoder as the robot runs it computes what the trained one does."""

from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import torch
from trained import as_trained

from jcc_ros.networks.architecture import Conv, EncoderConfig
from jcc_ros.networks.deployed_encoder import DeployedEncoder
from jcc_ros.networks.encoder import Encoder, deploy
from jcc_ros.networks.layers import fold
from jcc_ros.networks.preprocess import Preprocess
from jcc_ros.networks.runtime import DeviceError, check_device


class Separable(EncoderConfig):
    """Depthwise convolutions between dense ones, around a sum: layers that no model has yet."""

    @property
    def layers(self) -> tuple[Conv, ...]:
        return (
            Conv(3, 8, kernel=4, stride=2),
            Conv(8, 8, groups=8),
            Conv(8, 8, kernel=1, adds=0, relu=False),
            Conv(8, 8, stride=2, groups=4),
            Conv(8, self.channels, kernel=1, norm=False, relu=False),
        )


CONFIGS = [
    EncoderConfig(input=Preprocess(height=32, width=32)),
    EncoderConfig(input=Preprocess(height=32, width=32), mean=(0.1, 0.9, 0.4), std=(0.3, 1, 0.1)),
    EncoderConfig(input=Preprocess(height=48, width=31), widths=(4,), blocks=(0,), channels=1),
    EncoderConfig(input=Preprocess(height=9, width=40), widths=(6, 8, 12), blocks=(2, 0, 3)),
    EncoderConfig(
        input=Preprocess(height=64, width=33), stem=32, widths=(6, 8, 12), blocks=(0, 1, 1)
    ),
    EncoderConfig(input=Preprocess(height=120, width=160), widths=(8, 8), blocks=(0, 1)),
    EncoderConfig(
        input=Preprocess(height=24, width=40), widths=(4, 8), blocks=(1, 2), block="inverted"
    ),
    Separable(input=Preprocess(height=24, width=40), channels=5),
]


def trained(config: EncoderConfig) -> Encoder:
    torch.manual_seed(0)
    return as_trained(Encoder(config))


def random_images(config: EncoderConfig, count: int) -> np.ndarray:
    size = (config.input.height, config.input.width)
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def as_torch(encoder: Encoder, image: np.ndarray) -> np.ndarray:
    """Return the latent of one image as training and calibration compute it."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        return encoder(pixels)[0].numpy()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{len(config.layers)} layers")
def test_computes_what_the_trained_encoder_does(config: EncoderConfig) -> None:
    encoder = trained(config)
    deployed = deploy(encoder)
    grey = np.full((1, config.input.height, config.input.width, 3), 128, np.uint8)
    for image in (*random_images(config, 5), *grey, *(0 * grey), *(0 * grey + 255)):
        latent = deployed(image)
        assert latent.dtype == np.float32
        assert latent.shape == config.latent_shape
        assert np.abs(latent - as_torch(encoder, image)).max() < 1e-4


def test_the_border_is_padded_with_the_mean_colour() -> None:
    config = EncoderConfig(input=Preprocess(height=32, width=32), mean=(0.2, 0.6, 1.0))
    deployed = deploy(trained(config))
    # An image of the mean colour has no border: all inner positions see what the outer ones do.
    flat = np.full((32, 32, 3), (51, 153, 255), np.uint8)
    biases = [np.zeros_like(bias) for _, bias in deployed.weights]
    unbiased = DeployedEncoder(
        config, [(w, b) for (w, _), b in zip(deployed.weights, biases, strict=True)]
    )
    np.testing.assert_allclose(unbiased(flat), 0, atol=1e-5)


def test_deploying_leaves_the_encoder_as_it_is() -> None:
    encoder = trained(CONFIGS[0]).to(memory_format=torch.channels_last)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    deployed = deploy(encoder)
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert deployed.parameters == sum(value.numel() for value in fold(encoder).parameters())


def test_the_same_image_gives_the_same_bytes() -> None:
    first, second = (deploy(trained(CONFIGS[0])) for _ in range(2))
    image = random_images(CONFIGS[0], 1)[0]
    assert first(image).tobytes() == first(image).tobytes() == second(image).tobytes()


def test_every_layer_that_adds_adds_an_earlier_one_of_its_shape() -> None:
    for config in CONFIGS:
        for index, layer in enumerate(config.layers):
            if layer.adds is not None:
                assert layer.adds < index
                assert config.layers[layer.adds].channels_out == layer.channels_out
        for before, after in pairwise(config.layers):
            assert before.channels_out == after.channels_in


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="'tpu' is not supported, use one of cpu, cuda"):
        check_device("tpu")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is CUDA"
)
def test_cuda_without_its_onnxruntime_is_refused_with_the_way_out() -> None:
    with pytest.raises(DeviceError, match="use cpu, or install onnxruntime-gpu"):
        check_device("cuda")
    with pytest.raises(DeviceError):
        DeployedEncoder(CONFIGS[0], deploy(trained(CONFIGS[0])).weights, "cuda")
