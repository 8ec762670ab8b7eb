"""The robot's half as nodes and evaluation use it: network and codec together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.deployed_encoder import DeployedEncoder
from jcc_ros.networks.model_file import (
    ENCODER_FILE,
    ModelFile,
    ModelFileError,
    blaming,
    read_model_file,
    write_model_file,
)


@dataclass(frozen=True)
class EncoderModel:
    """The robot's half, on one device.

    Attributes:
        name: of the model.
        network: as it is deployed.
        codec: of the model's ladder.
        provenance: how the model was made and measured.
    """

    name: str
    network: DeployedEncoder
    codec: LatentCodec
    provenance: Mapping[str, Any]

    def latent(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the latent [C, h, w] of an RGB image [H, W, 3] of any size.

        One image at a time, on the robot as in evaluation: another batch size would sum in another
        order, and a latent on the edge of a bin would get another symbol. Calibrate encodes in
        batches, with torch: the ladder's bits and accuracies may differ by a few such symbols.
        """
        return self.network(self.network.config.input(image))


def save_encoder(model: EncoderModel, folder: Path) -> None:
    """Write the robot's half into `folder`, which is made if need be."""
    content = ModelFile(
        half="encoder",
        name=model.name,
        codec=model.codec,
        architecture=model.network.config,
        classes=(),
        provenance=model.provenance,
        weights=model.network.weights,
    )
    write_model_file(content, folder / ENCODER_FILE)


def load_encoder(folder: Path, device: str = "cpu") -> EncoderModel:
    """Read the robot's half from a model folder.

    Args:
        device: "cpu" or "cuda".
    Raises:
        ModelFileError: names the file and what is wrong with it.
        DeviceError: a device that is not there.
    """
    file = Path(folder) / ENCODER_FILE
    content = read_model_file(file, "encoder", EncoderConfig)
    config = content.architecture
    with blaming(file):
        if config.latent_shape != content.codec.ladder.shape:
            raise ModelFileError(
                f"the network produces latents of shape {config.latent_shape}, "
                f"the ladder expects {content.codec.ladder.shape}"
            )
    network = DeployedEncoder(config, content.weights, device)
    return EncoderModel(content.name, network, content.codec, content.provenance)
