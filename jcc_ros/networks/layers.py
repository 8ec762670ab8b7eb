"""The blocks that both halves are built from, with and without batch normalisation."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from jcc_ros.networks.architecture import Conv

Module = TypeVar("Module", bound=nn.Module)


class ConvNorm(nn.Sequential):
    """Convolution and batch normalisation; only a convolution with a bias once folded.

    Args:
        shape: what follows the normalisation is left to the caller.
    """

    conv: nn.Conv2d
    norm: nn.Module

    def __init__(self, shape: Conv) -> None:
        conv = nn.Conv2d(
            shape.channels_in,
            shape.channels_out,
            shape.kernel,
            shape.stride,
            shape.padding,
            groups=shape.groups,
            bias=not shape.norm,
        )
        norm = nn.BatchNorm2d(shape.channels_out) if shape.norm else nn.Identity()
        super().__init__(OrderedDict(conv=conv, norm=norm))


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity (He et al., arXiv 1512.03385); keeps the shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(Conv(channels, channels))
        self.second = ConvNorm(Conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def fold(module: Module) -> Module:
    """Fold, in place, every batch normalisation into its convolution; the module must be in eval.

    A deployed half holds plain convolutions: fewer operations and nothing left to update.
    """
    for child, norm in _normalised(module):
        child.conv = fuse_conv_bn_eval(child.conv, norm)
        child.norm = nn.Identity()
    return module


def expect_folded(module: Module) -> Module:
    """Leave, in place, the layers that `fold` leaves, for folded weights that are to be loaded.

    Nothing is computed: on the meta device torch would load its compiler for that, for a second.
    """
    for child, norm in _normalised(module):
        child.conv.bias = norm.bias  # of the same shape
        child.norm = nn.Identity()
    return module


def _normalised(module: nn.Module) -> Iterator[tuple[ConvNorm, nn.BatchNorm2d]]:
    for child in module.modules():
        if isinstance(child, ConvNorm) and isinstance(child.norm, nn.BatchNorm2d):
            yield child, child.norm


@torch.no_grad()
def round_to_half(module: Module) -> Module:
    """Round, in place, every weight to the nearest half-precision number; it stays float32.

    A deployed half travels in half precision: what is measured must be what will be loaded.
    """
    for weight in module.parameters():
        weight.copy_(weight.half())
    return module


def multiply_adds(module: nn.Module, *inputs: Tensor) -> int:
    """Count the multiply-adds of convolutions and linear layers in one forward pass."""
    total = 0

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total += output.numel() * layer.weight[0].numel()

    hooks = [
        layer.register_forward_hook(count)
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return total
