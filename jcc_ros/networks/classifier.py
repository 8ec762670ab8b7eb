"""The host's half: a latent to class scores. No image is rebuilt on the way."""

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from jcc_ros.networks.architecture import Conv
from jcc_ros.networks.layers import ConvNorm, Residual


class ClassifierConfig(BaseModel, frozen=True, extra="forbid"):
    """Shape of the classifier.

    Attributes:
        channels: of the latent.
        classes: how many.
        width: channels of the residual blocks.
        blocks: how many residual blocks.
    """

    channels: int = Field(ge=1, le=1024)
    classes: int = Field(ge=2, le=100_000)
    width: int = Field(256, ge=1, le=4096)
    blocks: int = Field(2, ge=0, le=64)


class Classifier(nn.Module):
    """Maps dequantised latents [N, C, h, w] to logits [N, classes]."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvNorm(Conv(config.channels, config.width))
        self.stages = nn.Sequential(*(Residual(config.width) for _ in range(config.blocks)))
        self.head = nn.Linear(config.width, config.classes)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.stages(torch.relu(self.stem(latents)))
        return self.head(x.mean(dim=(2, 3)))
