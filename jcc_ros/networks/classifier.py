"""The host's half as it is trained: a torch module of the configuration's layers."""

import copy
from collections.abc import Iterable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.layers import ConvNorm, as_array, chain, fold, folded_weights


class Classifier(nn.Module):
    """Maps dequantised latents [N, C, h, w] to logits [N, classes]. No image is rebuilt."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(map(ConvNorm, config.layers))
        self.head = nn.Linear(config.width, config.classes)

    def forward(self, latents: Tensor) -> Tensor:
        x = chain(self.config.layers, self.layers, latents)
        return self.head(x.mean(dim=(2, 3)))


def deploy(classifier: Classifier) -> DeployedClassifier:
    """Return what the host runs of a classifier in evaluation mode, which is left as it is."""
    folded = fold(copy.deepcopy(classifier).cpu())
    head = (as_array(folded.head.weight), as_array(folded.head.bias))
    return DeployedClassifier(classifier.config, [*folded_weights(folded.layers), head])


@torch.no_grad()
def restore(deployed: DeployedClassifier, latents: Tensor) -> Classifier:
    """Return what the host runs as a module to be trained on, in evaluation mode.

    Its batch normalisations are such that they change nothing for latents like the given ones,
    [N, C, h, w].
    """
    classifier = Classifier(deployed.config).eval()
    *convolutions, head = ([torch.tensor(values) for values in pair] for pair in deployed.weights)
    classifier.head.load_state_dict(dict(zip(("weight", "bias"), head, strict=True)))
    hooks = []
    layers = cast(Iterable[ConvNorm], classifier.layers)
    for layer, (weight, bias) in zip(layers, convolutions, strict=True):
        layer.conv.weight.copy_(weight)
        hooks.append(layer.norm.register_forward_pre_hook(partial(_only_add, bias)))
    classifier(latents)
    for hook in hooks:
        hook.remove()
    return classifier


def _only_add(bias: Tensor, norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    """Make a normalisation of such inputs add a bias and do nothing else."""
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
    norm.load_state_dict(
        {
            **norm.state_dict(),
            "running_mean": mean,
            "running_var": variance,
            "weight": (variance + norm.eps).sqrt(),
            "bias": mean + bias,
        }
    )
