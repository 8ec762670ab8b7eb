"""The robot's half as it is trained: a torch module of the configuration's layers."""

import copy

import torch
from torch import Tensor, nn

from jcc_ros.networks.architecture import EncoderConfig
from jcc_ros.networks.deployed_encoder import DeployedEncoder
from jcc_ros.networks.layers import (
    ConvNorm,
    chain,
    fold,
    folded_weights,
    load_folded,
    unfolding,
)


class Encoder(nn.Module):
    """Maps images [N, 3, H, W] with values in 0 .. 1 to latents [N, C, h, w]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        self.layers = nn.ModuleList(map(ConvNorm, config.layers))

    def forward(self, images: Tensor) -> Tensor:
        """Return latents [N, C, h, w] of images [N, 3, H, W] in 0 .. 1."""
        return chain(self.config.layers, self.layers, (images - self.mean) / self.std)


def deploy(encoder: Encoder) -> DeployedEncoder:
    """Return what the robot runs of an encoder in evaluation mode, which is left as it is."""
    folded = fold(copy.deepcopy(encoder).cpu())
    return DeployedEncoder(encoder.config, folded_weights(folded.layers))


@torch.no_grad()
def restore(deployed: DeployedEncoder, images: Tensor) -> Encoder:
    """Return what the robot runs as a module to be trained on, in evaluation mode.

    It computes the same for images like the given ones, [N, 3, H, W], in training mode as well.
    """
    encoder = Encoder(deployed.config).eval()
    with unfolding(encoder.layers, deployed.weights):
        encoder(images)
    return encoder


def frozen(deployed: DeployedEncoder) -> Encoder:
    """Return what the robot runs as a folded module, which is not to be trained any more."""
    encoder = fold(Encoder(deployed.config).eval())
    load_folded(encoder.layers, deployed.weights)
    return encoder.requires_grad_(False)
