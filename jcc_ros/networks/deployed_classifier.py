"""The host's half as it runs."""

import numpy as np
from numpy.typing import NDArray
from onnxruntime import OrtValue

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.graph import INPUT, Weights, classifier_graph, named
from jcc_ros.networks.runtime import session


class DeployedClassifier:
    """A folded classifier on one device.

    Args:
        config: of the classifier.
        weights: of its layers, the linear one last.
        device: "cpu" or "cuda".
        threads: that share one batch; 0 for one on each core.
    Raises:
        DeviceError: a device that is not there.
    """

    def __init__(
        self, config: ClassifierConfig, weights: Weights, device: str = "cpu", threads: int = 0
    ) -> None:
        self.config = config
        self.weights = weights
        self._session = session(classifier_graph(config), device, threads)
        # On the CPU these share the arrays' memory.
        self._inputs = {
            name: OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value), device)
            for name, value in named(weights).items()
        }

    def __call__(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return softmax probabilities [N, classes] of dequantised latents [N, C, h, w]."""
        batch = OrtValue.ortvalue_from_numpy(np.ascontiguousarray(latents))
        return self._session.run_with_ort_values(None, {INPUT: batch, **self._inputs})[0].numpy()
