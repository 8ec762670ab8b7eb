"""The robot's half as it is trained: a torch module of the configuration's layers."""

import copy
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.deployed_encoder import DeployedEncoder
from jcc_ros.networks.layers import ConvNorm, fold


class Encoder(nn.Module):
    """Maps images [N, 3, H, W] with values in 0 .. 1 to latents [N, C, h, w]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        self._plan = config.layers
        self.layers = nn.ModuleList(map(ConvNorm, self._plan))

    def forward(self, images: Tensor) -> Tensor:
        x = (images - self.mean) / self.std
        outputs: list[Tensor] = []
        for layer, conv in zip(self._plan, self.layers, strict=True):
            x = conv(x)
            if layer.adds is not None:
                x = x + outputs[layer.adds]
            if layer.relu:
                x = torch.relu(x)
            outputs.append(x)
        return x


def deploy(encoder: Encoder) -> DeployedEncoder:
    """Return what the robot runs of an encoder in evaluation mode, which is left as it is."""
    folded = fold(copy.deepcopy(encoder).cpu())
    convs = [cast(ConvNorm, layer).conv for layer in folded.layers]
    weights = [(_array(conv.weight), _array(cast(Tensor, conv.bias))) for conv in convs]
    return DeployedEncoder(encoder.config, weights)


def _array(weight: Tensor) -> NDArray[np.float32]:
    return weight.detach().contiguous().numpy()
