"""The robot's half as it runs."""

import numpy as np
from numpy.typing import NDArray

from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.graph import INPUT, Weights, encoder_graph
from jcc_ros.networks.runtime import session


class DeployedEncoder:
    """A folded encoder on one device.

    Args:
        config: of the encoder.
        weights: of its layers.
        device: "cpu" or "cuda".
    Raises:
        DeviceError: a device that is not there.
    """

    def __init__(self, config: EncoderConfig, weights: Weights, device: str = "cpu") -> None:
        self.config = config
        self.weights = weights
        # One small image: more threads would only wait for each other.
        self._session = session(encoder_graph(config, weights), device, threads=1)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the latent [C, h, w] of an RGB image [H, W, 3] of the input size."""
        return self._session.run(None, {INPUT: image[None]})[0][0]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(weight.size + bias.size for weight, bias in self.weights)
