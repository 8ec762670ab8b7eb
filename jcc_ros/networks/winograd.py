"""3x3 convolutions of 4x4 maps with a quarter of the multiplications, for large batches on a CPU.

Winograd's minimal filtering F(4x4, 3x3) (Lavin, Gray, arXiv 1509.09308): a map is one tile, its
convolution 36 products [N, C_in] x [C_in, C_out] instead of 9 * 16. The weights take four times
the room and have to be read for every batch, so a single latent is quicker without.
"""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.layers import ConvNorm

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
    """Does what a convolution does, on maps [N, C, 4, 4].

    What it returns lies in memory as [4, 4, N, C], which the next of its kind reads as it is.

    Args:
        conv: 3x3 with a bias; stride and padding 1, one group.
    """

    weight: Tensor  # [36, C_in, C_out]
    bias: Tensor
    spread: Tensor
    gather: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is not None
        maps = conv.weight.detach().permute(2, 3, 1, 0).flatten(0, 1)  # [9, C_in, C_out]
        weight = torch.kron(_WEIGHT, _WEIGHT) @ maps.flatten(1)
        self.register_buffer("weight", weight.view(-1, *maps.shape[1:]))
        self.register_buffer("bias", conv.bias.detach())
        self.register_buffer("spread", torch.kron(_INPUT, _INPUT))
        self.register_buffer("gather", torch.kron(_OUTPUT, _OUTPUT))

    def forward(self, maps: Tensor) -> Tensor:
        batch, channels = maps.shape[:2]
        flat = maps.permute(2, 3, 0, 1).reshape(_SIDE**2, batch * channels)
        tiles = (self.spread @ flat).view(-1, batch, channels)
        products = torch.bmm(tiles, self.weight).flatten(1)
        out = (self.gather @ products).view(_SIDE, _SIDE, batch, -1)
        return (out + self.bias).permute(2, 3, 0, 1)


def for_batches(model: ClassifierModel) -> ClassifierModel:
    """Return a model that labels large batches quicker, where its latents are 4x4 maps."""
    if model.codec.ladder.shape[1:] != (_SIDE, _SIDE) or model.device.type != "cpu":
        return model
    network = copy.deepcopy(model.network)
    for layer in network.modules():
        if isinstance(layer, ConvNorm):
            layer.conv = Winograd(layer.conv)  # type: ignore[assignment]
    return replace(model, network=network)
