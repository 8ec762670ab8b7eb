"""The robot's half: an image to a latent.

image [3, H, W] -> stem to about 16 x 16 -> (stride 2, residual blocks) ... -> latent [C, h, w]
"""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from jcc_ros.networks.layers import ConvNorm, Residual
from jcc_ros.networks.preprocess import Preprocess

Width = Annotated[int, Field(ge=1, le=1024)]
Mean = Annotated[float, Field(ge=0, le=1)]
Deviation = Annotated[float, Field(ge=1e-3, le=1)]

_STEM_SIZE = 16  # pixels on the longer side, after the stem, whatever the input size


class EncoderConfig(BaseModel, frozen=True, extra="forbid"):
    """Shape of the encoder.

    Attributes:
        input: how camera images become the network's input.
        channels: of the latent.
        widths: channels of the stem and of each stride-2 stage after it.
        blocks: residual blocks behind the stem and in each stage.
        mean, std: of the training images' RGB values in 0 .. 1.
    """

    input: Preprocess
    channels: Width = 16
    widths: tuple[Width, ...] = Field((36, 48), min_length=1, max_length=8)
    blocks: tuple[Annotated[int, Field(ge=0, le=32)], ...] = (1, 1)
    mean: tuple[Mean, Mean, Mean] = (0.5, 0.5, 0.5)
    std: tuple[Deviation, Deviation, Deviation] = (0.25, 0.25, 0.25)

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"widths {self.widths} and blocks {self.blocks} differ in length")
        return self

    @model_validator(mode="after")
    def _not_too_narrow(self) -> Self:
        if min(self.input.height, self.input.width) < self.stride:
            raise ValueError(
                f"input {self.input.height} x {self.input.width} is too narrow: "
                f"the stem reads patches of {self.stride} x {self.stride}"
            )
        return self

    @property
    def stride(self) -> int:
        """Stride of the stem."""
        return max(1, max(self.input.height, self.input.width) // _STEM_SIZE)


class Encoder(nn.Module):
    """Maps images [N, 3, H, W] with values in 0 .. 1 to latents [N, C, h, w]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        # Two pixels of overlap on each side: patches alone cost points of accuracy.
        self.stem = ConvNorm(3, config.widths[0], kernel=config.stride + 4, stride=config.stride)
        stages: list[nn.Module] = [Residual(config.widths[0]) for _ in range(config.blocks[0])]
        for (before, width), count in zip(pairwise(config.widths), config.blocks[1:], strict=True):
            stages += [ConvNorm(before, width, stride=2), nn.ReLU()]
            stages += [Residual(width) for _ in range(count)]
        self.stages = nn.Sequential(*stages)
        self.head = nn.Conv2d(config.widths[-1], config.channels, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu(self.stem((images - self.mean) / self.std))
        return self.head(self.stages(x))

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape [C, h, w] of one image's latent."""
        height, width = self.config.input.height, self.config.input.width
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.stride != (1, 1):
                kernel, stride, padding = (
                    int(v[0]) for v in (layer.kernel_size, layer.stride, layer.padding)
                )
                height = (height + 2 * padding - kernel) // stride + 1
                width = (width + 2 * padding - kernel) // stride + 1
        return self.config.channels, height, width
