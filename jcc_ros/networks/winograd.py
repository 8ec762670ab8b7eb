"""3x3 convolutions of 4x4 maps with a quarter of the multiplications, for large batches on a CPU.

Winograd's minimal filtering F(4x4, 3x3) (Lavin, Gray, arXiv 1509.09308): a map is one tile, its
convolution 36 products [N, C_in] x [C_in, C_out] instead of 9 * 16. The weights take four times
the room and have to be read for every batch, so a single latent is quicker without.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear

from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.layers import chain

Scores = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Softmax probabilities [N, classes] of dequantised latents [N, C, h, w]."""

_SIDE = 4  # of a map
# The transforms of the paper: of the input (without the columns for the padding, which is zero),
# of the weights, and of the products.
_INPUT = torch.tensor(
    [
        [0, -5, 0, 1],
        [-4, -4, 1, 1],
        [4, -4, -1, 1],
        [-2, -1, 2, 1],
        [2, -1, -2, 1],
        [4, 0, -5, 0],
    ],
    dtype=torch.float32,
)
_WEIGHT = (
    torch.tensor(
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
        dtype=torch.float32,
    )
    / 24
)
_OUTPUT = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    dtype=torch.float32,
)


class Winograd(nn.Module):
    """Does what a 3x3 convolution does, on maps [N, C, 4, 4], with a padding of 1.

    What it returns lies in memory as [4, 4, N, C], which the next of its kind reads as it is.

    Args:
        weight: [C_out, C_in, 3, 3].
        bias: [C_out].
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        maps = weight.permute(2, 3, 1, 0).flatten(0, 1)  # [9, C_in, C_out]
        transformed = torch.kron(_WEIGHT, _WEIGHT) @ maps.flatten(1)
        self._weight = transformed.view(-1, *maps.shape[1:])  # [36, C_in, C_out]
        self._bias = bias
        self._spread = torch.kron(_INPUT, _INPUT)
        self._gather = torch.kron(_OUTPUT, _OUTPUT)

    def forward(self, maps: Tensor) -> Tensor:
        batch, channels = maps.shape[:2]
        flat = maps.permute(2, 3, 0, 1).reshape(_SIDE**2, batch * channels)
        tiles = (self._spread @ flat).view(-1, batch, channels)
        products = torch.bmm(tiles, self._weight).flatten(1)
        out = (self._gather @ products).view(_SIDE, _SIDE, batch, -1)
        return (out + self._bias).permute(2, 3, 0, 1)


class WinogradClassifier:
    """Computes what a deployed classifier does, for latents of 4x4."""

    def __init__(self, deployed: DeployedClassifier) -> None:
        *convolutions, self._head = [tuple(map(torch.from_numpy, w)) for w in deployed.weights]
        self._plan = deployed.config.layers
        self._layers = nn.ModuleList(Winograd(*weights) for weights in convolutions)

    @torch.inference_mode()
    def __call__(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return softmax probabilities [N, classes] of dequantised latents [N, C, 4, 4]."""
        x = chain(self._plan, self._layers, torch.from_numpy(latents))
        return linear(x.mean(dim=(2, 3)), *self._head).softmax(dim=1).numpy()


def for_batches(model: ClassifierModel) -> Scores:
    """Return what gives a model's scores, quicker for large batches where latents are 4x4 maps."""
    if model.codec.ladder.shape[1:] != (_SIDE, _SIDE):
        return model.scores
    return WinogradClassifier(model.network)
