"""The blocks that both halves are built from, with and without batch normalisation."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from jcc_ros.networks.architecture import Conv
from jcc_ros.networks.graph import Weights
from jcc_ros.networks.int8 import pack, unpack

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


def fold(module: Module) -> Module:
    """Fold, in place, every batch normalisation into its convolution; the module must be in eval.

    A deployed half holds plain convolutions: fewer operations and nothing left to update.
    """
    for child, norm in _normalised(module):
        child.conv = fuse_conv_bn_eval(child.conv, norm)
        child.norm = nn.Identity()
    return module


def _normalised(module: nn.Module) -> Iterator[tuple[ConvNorm, nn.BatchNorm2d]]:
    for child in module.modules():
        if isinstance(child, ConvNorm) and isinstance(child.norm, nn.BatchNorm2d):
            yield child, child.norm


@contextmanager
def unfolding(layers: Iterable[nn.Module], weights: Weights) -> Iterator[None]:
    """Give each ConvNorm the weight and bias that it had when it was folded.

    What passes the layers inside the context, in evaluation mode, settles their normalisations:
    they change nothing for inputs like these.
    """
    hooks = []
    for layer, pair in zip(cast(Iterable[ConvNorm], layers), weights, strict=True):
        weight, bias = map(torch.tensor, pair)
        layer.conv.weight.copy_(weight)
        if layer.conv.bias is None:
            hooks.append(layer.norm.register_forward_pre_hook(partial(_only_add, bias)))
        else:
            layer.conv.bias.copy_(bias)
    yield
    for hook in hooks:
        hook.remove()


def load_folded(layers: Iterable[nn.Module], weights: Weights) -> None:
    """Give each folded ConvNorm a weight and a bias."""
    for layer, pair in zip(cast(Iterable[ConvNorm], layers), weights, strict=True):
        weight, bias = map(torch.tensor, pair)
        layer.conv.load_state_dict({"weight": weight, "bias": bias})


def _only_add(bias: Tensor, norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    """Make a normalisation of such inputs add a bias and do nothing else."""
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
    state = {
        "running_mean": mean,
        "running_var": variance,
        "weight": (variance + norm.eps).sqrt(),
        "bias": mean + bias,
    }
    norm.load_state_dict({**norm.state_dict(), **state})


@torch.no_grad()
def round_to_half(module: Module) -> Module:
    """Round, in place, every weight to the nearest half-precision number; it stays float32.

    A deployed half travels in half precision: what is measured must be what will be loaded.
    """
    for weight in module.parameters():
        weight.copy_(weight.half())
    return module


@torch.no_grad()
def round_to_int8(module: Module) -> Module:
    """Round, in place, as `round_to_half` does, but weights, not biases, to a byte each."""
    for weight in round_to_half(module).parameters():
        if weight.ndim > 1:
            weight.copy_(torch.from_numpy(unpack(*pack(as_array(weight)))))
    return module


def chain(plan: Sequence[Conv], layers: nn.ModuleList, x: Tensor) -> Tensor:
    """Return what comes out of layers that are connected as planned."""
    outputs: list[Tensor] = []
    for shape, layer in zip(plan, layers, strict=True):
        x = layer(x)
        if shape.adds is not None:
            x = x + outputs[shape.adds]
        if shape.relu:
            x = torch.relu(x)
        outputs.append(x)
    return x


def folded_weights(layers: nn.ModuleList) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return weight and bias of each folded ConvNorm."""
    convs = [cast(ConvNorm, layer).conv for layer in layers]
    return [(as_array(conv.weight), as_array(cast(Tensor, conv.bias))) for conv in convs]


def as_array(weight: Tensor) -> NDArray[np.float32]:
    """Return a weight, wherever it is, as numpy sees it."""
    return weight.detach().cpu().contiguous().numpy()
