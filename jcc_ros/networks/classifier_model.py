"""The host's half as the node and every measurement use it: network and codec together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.classifier import Classifier, ClassifierConfig
from jcc_ros.networks.layers import expect_folded
from jcc_ros.networks.model_file import (
    CLASSIFIER_FILE,
    ModelFile,
    ModelFileError,
    blaming,
    check_shapes,
    read_model_file,
    write_model_file,
)


@dataclass(frozen=True)
class ClassifierModel:
    """The host's half, on one device.

    Attributes:
        name: of the model.
        network: folded, in evaluation mode.
        codec: of the model's ladder.
        classes: their names.
        provenance: how the model was made and measured.
    """

    name: str
    network: Classifier
    codec: LatentCodec
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def scores(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return softmax probabilities [N, classes] of dequantised latents [N, C, h, w]."""
        with torch.inference_mode():
            batch = torch.from_numpy(latents).to(self.device)
            batch = batch.contiguous(memory_format=torch.channels_last)
            return self.network(batch).softmax(dim=1).cpu().numpy()

    @property
    def device(self) -> torch.device:
        return self.network.head.weight.device


def save_classifier(model: ClassifierModel, folder: Path) -> None:
    """Write the host's half into `folder`, which is made if need be."""
    weights = {
        name: np.ascontiguousarray(value.cpu().numpy())
        for name, value in model.network.state_dict().items()
    }
    content = ModelFile(
        half="classifier",
        name=model.name,
        codec=model.codec,
        architecture=model.network.config.model_dump(),
        classes=model.classes,
        provenance=model.provenance,
        weights=weights,
    )
    write_model_file(content, folder / CLASSIFIER_FILE)


def load_classifier(folder: Path, device: str = "cpu") -> ClassifierModel:
    """Read the host's half from a model folder.

    Args:
        device: any that torch knows.
    Raises:
        ModelFileError: names the file and what is wrong with it.
    """
    file = Path(folder) / CLASSIFIER_FILE
    content = read_model_file(file, "classifier")
    with blaming(file):
        config = ClassifierConfig.model_validate(content.architecture)
        if config.channels != content.codec.ladder.shape[0]:
            raise ModelFileError(
                f"the network reads {config.channels} channels, "
                f"the ladder has {content.codec.ladder.shape[0]}"
            )
        if config.classes != len(content.classes):
            raise ModelFileError(
                f"the network knows {config.classes} classes, {len(content.classes)} are named"
            )
        network = _assemble(config, content)
    name, codec, classes = content.name, content.codec, content.classes
    provenance = content.provenance
    del content  # so that each weight is freed as the network takes its own form of it
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ClassifierModel(name, network, codec, classes, provenance)


def _assemble(config: ClassifierConfig, content: ModelFile) -> Classifier:
    """Build a folded network around the weights of a file, taking no memory of its own before."""
    with torch.device("meta"):
        network = Classifier(config).eval()
        expect_folded(network)
    check_shapes(content, {name: value.shape for name, value in network.state_dict().items()})
    weights = {name: torch.from_numpy(value) for name, value in content.weights.items()}
    network.load_state_dict(weights, assign=True)
    network.requires_grad_(False)
    return network
