"""3x3 convolutions of 4x4 maps with a quarter of the multiplications, for large batches on a CPU.

Winograd's minimal filtering F(4x4, 3x3) (Lavin, Gray, arXiv 1509.09308): a map is one tile, its
convolution 36 products [N, C_in] x [C_in, C_out] instead of 9 * 16. The weights take four times
the room and have to be read for every batch, so a single latent is quicker without.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.graph import INPUT, Graph, Weights
from jcc_ros.networks.runtime import session

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Softmax probabilities [N, classes] of dequantised latents [N, C, h, w]."""

_SIDE = 4  # of a map
# The transforms of the paper: of the input (without the columns for the padding, which is zero),
# of the weights, and of the products.
_INPUT = np.array(
    [
        [0, -5, 0, 1],
        [-4, -4, 1, 1],
        [4, -4, -1, 1],
        [-2, -1, 2, 1],
        [2, -1, -2, 1],
        [4, 0, -5, 0],
    ],
    np.float32,
)
_WEIGHT = (
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32)
    / 24
)
_OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    np.float32,
)
# Both dimensions at once.
_SPREAD, _GATHER = np.kron(_INPUT, _INPUT), np.kron(_OUTPUT, _OUTPUT)


class WinogradClassifier:
    """Computes what a deployed classifier does, for latents of 4x4, on one thread."""

    def __init__(self, deployed: DeployedClassifier) -> None:
        self._session = session(_graph(deployed.config, deployed.weights), "cpu", threads=1)

    def __call__(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return softmax probabilities [N, classes] of dequantised latents [N, C, 4, 4]."""
        return self._session.run(None, {INPUT: latents})[0]


def for_batches(model: ClassifierModel) -> Network:
    """Return what computes a model's network, quicker for large batches of latents of 4x4."""
    if model.codec.ladder.shape[1:] != (_SIDE, _SIDE):
        return model.network
    return WinogradClassifier(model.network)


def _graph(config: ClassifierConfig, weights: Weights) -> bytes:
    """Return the serialised graph from float32 [N, C, 4, 4] to probabilities [N, classes]."""
    graph = Graph()
    spread, gather = graph.constant(_SPREAD), graph.constant(_GATHER)

    def reshaped(x: str, *shape: int) -> str:
        return graph.node("Reshape", x, graph.constant(np.array(shape, np.int64)))

    # Maps are [positions, N, C]; the transforms mix positions, the products mix channels.
    latents = graph.input(INPUT, ("N", config.channels, _SIDE, _SIDE))
    x = graph.node("Transpose", latents, perm=(2, 3, 0, 1))
    outputs: list[str] = []
    for layer, (weight, bias) in zip(config.layers, weights[:-1], strict=True):
        if layer.kernel == 1:
            x = graph.node("MatMul", x, graph.constant(weight[:, :, 0, 0].T))
        else:
            x = graph.node("MatMul", spread, reshaped(x, len(_SPREAD[0]), -1))
            x = reshaped(x, len(_SPREAD), -1, layer.channels_in)
            x = graph.node("MatMul", x, graph.constant(_transformed(weight)))
            x = graph.node("MatMul", gather, reshaped(x, len(_SPREAD), -1))
            x = reshaped(x, len(_GATHER), -1, layer.channels_out)
        x = graph.node("Add", x, graph.constant(bias))
        if layer.adds is not None:
            x = graph.node("Add", x, outputs[layer.adds])
        if layer.relu:
            x = graph.node("Relu", x)
        outputs.append(x)
    weight, bias = weights[-1]
    x = graph.node("ReduceMean", x, axes=[0], keepdims=0)
    x = graph.node("Gemm", x, graph.constant(weight), graph.constant(bias), transB=1)
    return graph.serialised(graph.node("Softmax", x, axis=1), ("N", config.classes))


def _transformed(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weight [36, C_in, C_out] of the products for that of a 3x3 convolution."""
    taps = weight.transpose(2, 3, 1, 0)  # [3, 3, C_in, C_out]
    mixed = np.kron(_WEIGHT, _WEIGHT) @ taps.reshape(9, -1)
    return mixed.reshape(-1, *taps.shape[2:])
