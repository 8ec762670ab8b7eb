"""The robot's half as it runs: ONNX Runtime, no torch."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.graph import INPUT, Weights, encoder_graph

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class DeviceError(ValueError):
    """A device that this machine's ONNX Runtime does not serve; the message names the way out."""


def check_device(name: str) -> str:
    """Return the name of a device, "cpu" or "cuda", that networks can run on.

    Raises:
        DeviceError: the installed ONNX Runtime has no such device.
    """
    if name not in _PROVIDERS:
        raise DeviceError(f"device {name!r}, use one of {', '.join(_PROVIDERS)}")
    if _PROVIDERS[name] not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"the installed onnxruntime {onnxruntime.__version__} runs on the CPU only: use cpu, "
            f"or install onnxruntime-gpu in its place (on a Jetson, NVIDIA's build)"
        )
    return name


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
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one small image: more threads only wait for each other
        provider = _PROVIDERS[check_device(device)]
        self._session = onnxruntime.InferenceSession(
            encoder_graph(config, weights), options, providers=[provider]
        )
        if provider not in self._session.get_providers():  # it has gone on without
            raise DeviceError(f"device {device!r} is not usable, onnxruntime's log says why")

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the latent [C, h, w] of an RGB image [H, W, 3] of the input size."""
        return self._session.run(None, {INPUT: image[None]})[0][0]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(weight.size + bias.size for weight, bias in self.weights)
