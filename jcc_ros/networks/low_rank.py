"""A classifier of another rank that computes what a given one does, or nearly."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from jcc_ros.networks.classifier import Classifier, restore
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.layers import as_array

_Pair = tuple[Tensor, Tensor]  # weight and bias


@torch.no_grad()
def low_rank(deployed: DeployedClassifier, rank: int, latents: Tensor) -> Classifier:
    """Return a classifier to be trained on whose blocks' convolutions have at most this rank.

    Each convolution keeps the directions in which what it puts out varies most, for latents
    [N, C, h, w] like the given ones and behind convolutions that were reduced before it (Zhang et
    al., arXiv 1411.4229).
    """
    *convolutions, head = deployed.weights
    pairs: list[_Pair] = []
    outputs: list[Tensor] = []
    x = latents
    for layer, weights in zip(deployed.config.layers, convolutions, strict=True):
        weight, bias = map(torch.tensor, weights)
        y = conv2d(x, weight, bias, padding=layer.padding)
        if outputs:  # the first one reads the latent, which is narrow already
            narrow, wide = _factors(weight, bias, y, rank)
            y = conv2d(conv2d(x, *narrow, padding=layer.padding), *wide)
            pairs += narrow, wide
        else:
            pairs.append((weight, bias))
        if layer.adds is not None:
            y = y + outputs[layer.adds]
        x = torch.relu(y) if layer.relu else y
        outputs.append(x)
    shape = deployed.config.model_copy(update={"rank": rank})
    reduced = [(as_array(weight), as_array(bias)) for weight, bias in pairs]
    return restore(DeployedClassifier(shape, [*reduced, head]), latents)


def whole(deployed: DeployedClassifier) -> DeployedClassifier:
    """Return a classifier of whole convolutions that computes what one of any rank does."""
    if deployed.config.rank is None:
        return deployed
    first, *pairs, head = deployed.weights
    products = [
        (np.einsum("or,riab->oiab", wide[:, :, 0, 0], narrow), wide[:, :, 0, 0] @ shift + bias)
        for (narrow, shift), (wide, bias) in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    shape = deployed.config.model_copy(update={"rank": None})
    return DeployedClassifier(shape, [first, *products, head])


def _factors(weight: Tensor, bias: Tensor, output: Tensor, rank: int) -> tuple[_Pair, _Pair]:
    """Return a convolution to `rank` channels and a 1x1 one from there, for one of both in one.

    Args:
        output: of the convolution, [N, C, h, w].
    """
    rows = output.movedim(1, -1).flatten(0, -2)
    mean, covariance = rows.mean(dim=0), rows.mT.double().cov()
    directions = torch.linalg.eigh(covariance).eigenvectors[:, -rank:].float()
    narrow = torch.einsum("or,oiab->riab", directions, weight)
    rest = mean - directions @ (directions.mT @ (mean - bias))
    return (narrow, torch.zeros(len(narrow))), (directions[:, :, None, None], rest)
