"""What both halves look like, as data: the torch modules that are trained and the graphs that run
are made from the lists of layers here.

image [3, H, W] -> stem -> blocks -> (stride 2, blocks) ... -> latent [C, h, w]
latent [C, h, w] -> stem -> residual blocks -> mean over positions -> linear -> logits [classes]
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import Self

from jcc_ros.networks.preprocess import Preprocess

Width = Annotated[int, Field(ge=1, le=1024)]
Mean = Annotated[float, Field(ge=0, le=1)]
HostWidth = Annotated[int, Field(ge=1, le=4096)]
HostBlocks = Annotated[int, Field(ge=0, le=64)]
Deviation = Annotated[float, Field(ge=1e-3, le=1)]

_EXPANSION = 4  # of an inverted bottleneck


@dataclass(frozen=True)
class Conv:
    """One convolution and what follows it: (normalisation), (addition), (ReLU), in this order.

    Attributes:
        channels_in, channels_out, kernel, stride, groups: as usual; kernels are square.
        norm: batch-normalised while it is trained.
        adds: index of the layer whose output is added, for residual blocks; None for none.
        relu: whether negative values become zero in the end.
    """

    channels_in: int
    channels_out: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    norm: bool = True
    adds: int | None = None
    relu: bool = True

    @property
    def padding(self) -> int:
        """Rows and columns of zeros on each side: kernels stay centred on what a stride spans."""
        return (self.kernel - self.stride + 1) // 2

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weight, as torch and ONNX have it."""
        return self.channels_out, self.channels_in // self.groups, self.kernel, self.kernel

    def output_size(self, size: int) -> int:
        """Return how many rows, or columns, come out where `size` go in."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


class EncoderConfig(BaseModel, frozen=True, extra="forbid"):
    """Shape of the encoder.

    Attributes:
        input: how camera images become the network's input.
        stem: about how many pixels the longer side has after the first layer, whatever the input's
            size. More cost multiply-adds and give accuracy.
        channels: of the latent.
        widths: channels of the stem and of each stride-2 stage after it.
        blocks: residual blocks behind the stem and in each stage.
        block: of two 3x3 convolutions, "basic", or "inverted", which makes more of as many
            multiply-adds and takes longer to train.
        mean, std: of the training images' RGB values in 0 .. 1.
    """

    input: Preprocess
    stem: int = Field(16, ge=8, le=64)
    channels: Width = 16
    widths: tuple[Width, ...] = Field((36, 48), min_length=1, max_length=8)
    blocks: tuple[Annotated[int, Field(ge=0, le=32)], ...] = (1, 1)
    block: Literal["basic", "inverted"] = "basic"
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
        return max(1, max(self.input.height, self.input.width) // self.stem)

    @property
    def layers(self) -> tuple[Conv, ...]:
        """The network, in the order in which it is computed."""
        style = _STYLES[self.block]
        # Patches that do not overlap cost points of accuracy.
        kernel = self.stride + 2 * style.overlap
        stem = Conv(3, self.widths[0], kernel=kernel, stride=self.stride)
        strided = [Conv(*widths, stride=2, relu=style.relu) for widths in pairwise(self.widths)]
        layers: list[Conv] = []
        for first, count in zip((stem, *strided), self.blocks, strict=True):
            layers.append(first)
            for _ in range(count):
                layers += style.block(first.channels_out, len(layers))
        head = Conv(self.widths[-1], self.channels, stride=2, norm=False, relu=False)
        return (*layers, head)

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each convolution's weight."""
        return tuple(layer.weight_shape for layer in self.layers)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape [C, h, w] of one image's latent."""
        height, width = self._sizes[-1]
        return self.channels, height, width

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the convolutions for one image."""
        return sum(
            height * width * prod(layer.weight_shape)
            for layer, (height, width) in zip(self.layers, self._sizes, strict=True)
        )

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        """Rows and columns of each layer's output."""
        sizes = [(self.input.height, self.input.width)]
        for layer in self.layers:
            height, width = sizes[-1]
            sizes.append((layer.output_size(height), layer.output_size(width)))
        return sizes[1:]


class ClassifierConfig(BaseModel, frozen=True, extra="forbid"):
    """Shape of the classifier.

    Attributes:
        channels: of the latent.
        classes: how many.
        width: channels of the residual blocks.
        blocks: how many residual blocks.
        rank: of each convolution in the blocks, which is made of a 3x3 one to as many channels and
            a 1x1 one; None for whole ones.
    """

    channels: int = Field(ge=1, le=1024)
    classes: int = Field(ge=2, le=100_000)
    width: HostWidth = 256
    blocks: HostBlocks = 2
    rank: HostWidth | None = None

    @property
    def layers(self) -> tuple[Conv, ...]:
        """The convolutions, in the order in which they are computed; all keep the size."""
        layers = [Conv(self.channels, self.width)]
        for _ in range(self.blocks):
            block = _basic(self.width, len(layers))
            layers += block if self.rank is None else _factored(block, self.rank)
        return tuple(layers)

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each convolution's weight, and of the last, linear layer's."""
        return *(layer.weight_shape for layer in self.layers), (self.classes, self.width)

    @property
    def parameters(self) -> int:
        """How many numbers are trained; a bias has as many as its weight has rows."""
        return sum(prod(shape) + shape[0] for shape in self.weight_shapes)

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds for one latent with that many rows and columns."""
        *convolutions, head = map(prod, self.weight_shapes)
        return height * width * sum(convolutions) + head


def _basic(width: int, position: int) -> tuple[Conv, ...]:
    """Two 3x3 convolutions around an identity (He et al., arXiv 1512.03385).

    Args:
        position: index of the first one.
    """
    return Conv(width, width), Conv(width, width, adds=position - 1)


def _factored(block: tuple[Conv, ...], rank: int) -> tuple[Conv, ...]:
    """The convolutions of a residual block as products of two (Zhang et al., arXiv 1411.4229)."""
    layers: list[Conv] = []
    for layer in block:
        narrow = replace(layer, channels_out=rank, norm=False, adds=None, relu=False)
        layers += narrow, replace(layer, channels_in=rank, kernel=1)
    return tuple(layers)


def _inverted(width: int, position: int) -> tuple[Conv, ...]:
    """An inverted bottleneck (Sandler et al., arXiv 1801.04381)."""
    wide = _EXPANSION * width
    return (
        Conv(width, wide, kernel=1),
        Conv(wide, wide, groups=wide),
        Conv(wide, width, kernel=1, adds=position - 1, relu=False),
    )


@dataclass(frozen=True)
class _Style:
    """How an encoder is built around its blocks.

    Attributes:
        block: its layers, of a width and from a position on.
        overlap: pixels that the stem sees on each side of what its stride spans.
        relu: whether what goes from stage to stage loses its negative values.
    """

    block: Callable[[int, int], tuple[Conv, ...]]
    overlap: int
    relu: bool


_STYLES = {
    "basic": _Style(_basic, overlap=2, relu=True),
    "inverted": _Style(_inverted, overlap=1, relu=False),
}
