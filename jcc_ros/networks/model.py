"""The two deployed halves: network and codec together, as the nodes and the evaluation use them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder


@dataclass(frozen=True)
class EncoderModel:
    """The robot's half, on one device.

    Attributes:
        name: of the model.
        network: folded, in evaluation mode.
        codec: of the model's ladder.
        provenance: how the model was made and measured.
    """

    name: str
    network: Encoder
    codec: LatentCodec
    provenance: dict[str, Any]

    def latent(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the latent [C, h, w] of an RGB image [H, W, 3] of any size.

        One image at a time, here and in every measurement: another batch size would sum in
        another order, and a latent on the edge of a bin would get another symbol.
        """
        # A copy where need be: torch takes only writable memory, images from messages are not.
        resized = np.require(self.network.config.input(image), requirements=("C", "W"))
        with torch.inference_mode():
            # [H, W, 3] in memory is channels-last, the layout that the convolutions prefer.
            pixels = torch.from_numpy(resized).to(self.device).permute(2, 0, 1).unsqueeze(0)
            return self.network(pixels.float() / 255)[0].cpu().contiguous().numpy()

    @property
    def device(self) -> torch.device:
        return self.network.mean.device


@dataclass(frozen=True)
class ClassifierModel:
    """The host's half, on one device.

    Attributes:
        name: of the model.
        network: folded, in evaluation mode.
        codec: of the model's ladder.
        classes: their names.
        provenance: how the model was made and measured.
    """

    name: str
    network: Classifier
    codec: LatentCodec
    classes: tuple[str, ...]
    provenance: dict[str, Any]

    def scores(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return softmax probabilities [N, classes] of dequantised latents [N, C, h, w]."""
        with torch.inference_mode():
            batch = torch.from_numpy(latents).to(self.device)
            batch = batch.contiguous(memory_format=torch.channels_last)
            return self.network(batch).softmax(dim=1).cpu().numpy()

    @property
    def device(self) -> torch.device:
        return self.network.head.weight.device
