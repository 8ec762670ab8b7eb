"""The host's half as it is trained: a torch module of the configuration's layers."""

import copy

import torch
from torch import Tensor, nn

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.graph import Weights
from jcc_ros.networks.layers import (
    ConvNorm,
    as_array,
    chain,
    fold,
    folded_weights,
    load_folded,
    unfolding,
)


class Classifier(nn.Module):
    """Maps dequantised latents [N, C, h, w] to logits [N, classes]. No image is rebuilt."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(map(ConvNorm, config.layers))
        self.head = nn.Linear(config.width, config.classes)

    def forward(self, latents: Tensor) -> Tensor:
        """Return logits [N, classes] of dequantised latents [N, C, h, w]."""
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

    It computes the same for latents like the given ones, [N, C, h, w], in training mode as well.
    """
    classifier = Classifier(deployed.config).eval()
    with unfolding(classifier.layers, _load_head(classifier, deployed)):
        classifier(latents)
    return classifier


def frozen(deployed: DeployedClassifier) -> Classifier:
    """Return what the host runs as a folded module, which is not to be trained any more."""
    classifier = fold(Classifier(deployed.config).eval())
    load_folded(classifier.layers, _load_head(classifier, deployed))
    return classifier.requires_grad_(False)


def _load_head(classifier: Classifier, deployed: DeployedClassifier) -> Weights:
    """Give the last layer its weights; return those of the others."""
    *convolutions, (weight, bias) = deployed.weights
    head = {"weight": torch.tensor(weight), "bias": torch.tensor(bias)}
    classifier.head.load_state_dict(head)
    return convolutions
