"""The host's half as the node and every measurement use it: network and codec together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.model_file import (
    CLASSIFIER_FILE,
    ModelFile,
    ModelFileError,
    blaming,
    read_model_file,
    write_model_file,
)


@dataclass(frozen=True)
class ClassifierModel:
    """The host's half, on one device.

    Attributes:
        name: of the model.
        network: as it is deployed.
        codec: of the model's ladder.
        classes: their names.
        provenance: how the model was made and measured.
    """

    name: str
    network: DeployedClassifier
    codec: LatentCodec
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def scores(
        self, latents: NDArray[np.float32], points: int | Sequence[int]
    ) -> NDArray[np.float32]:
        """Return softmax probabilities [N, classes] of dequantised latents [N, C, h, w].

        Args:
            points: operating points that they were sent at, one for all or one for each.
        """
        return self.tempered(self.network(latents), points)

    def tempered(
        self, scores: NDArray[np.float32], points: int | Sequence[int]
    ) -> NDArray[np.float32]:
        """Return scores [N, classes] of the network as its logits, divided by the temperatures of
        their operating points, give them (Guo et al., arXiv 1706.04599, section 4.2)."""
        temperatures = self.codec.ladder.temperatures[np.asarray(points, int)]
        # The best one becomes 1, so that not all of a row can vanish.
        ratios = scores / scores.max(axis=1, keepdims=True)
        powers = ratios ** (1 / temperatures).reshape(-1, 1)
        return powers / powers.sum(axis=1, keepdims=True)


def save_classifier(model: ClassifierModel, folder: Path) -> None:
    """Write the host's half into `folder`, which is made if need be."""
    content = ModelFile(
        half="classifier",
        name=model.name,
        codec=model.codec,
        architecture=model.network.config,
        classes=model.classes,
        provenance=model.provenance,
        weights=model.network.weights,
    )
    write_model_file(content, folder / CLASSIFIER_FILE)


def load_classifier(folder: Path, device: str = "cpu", threads: int = 0) -> ClassifierModel:
    """Read the host's half from a model folder.

    Args:
        device: "cpu" or "cuda".
        threads: that share one batch; 0 for one on each core.
    Raises:
        ModelFileError: names the file and what is wrong with it.
        DeviceError: a device that is not there.
    """
    file = Path(folder) / CLASSIFIER_FILE
    content = read_model_file(file, "classifier", ClassifierConfig)
    config = content.architecture
    with blaming(file):
        if config.channels != content.codec.ladder.shape[0]:
            raise ModelFileError(
                f"the network reads {config.channels} channels, "
                f"the ladder has {content.codec.ladder.shape[0]}"
            )
        if config.classes != len(content.classes):
            raise ModelFileError(
                f"the network has {config.classes} classes, the file names {len(content.classes)}"
            )
    network = DeployedClassifier(config, content.weights, device, threads)
    return ClassifierModel(
        content.name, network, content.codec, content.classes, content.provenance
    )
