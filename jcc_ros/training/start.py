"""What a training begins with: the networks of a model that is there, or new ones."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.classifier import restore as restore_classifier
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.encoder import restore as restore_encoder
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder
from jcc_ros.networks.low_rank import low_rank
from jcc_ros.networks.model_file import CLASSIFIER_FILE
from jcc_ros.training.config import ConfigError, TrainConfig

_log = logging.getLogger(__name__)


def robot_network(folder: Path, images: Tensor) -> Encoder:
    """Return the encoder of the model in a folder.

    Args:
        images: such as it will see, [N, 3, H, W] in 0 .. 1.
    Raises:
        ModelFileError: the encoder's file is missing or damaged.
    """
    return restore_encoder(load_encoder(folder).network, images)


def deployed_classifier(folder: Path) -> ClassifierModel | None:
    """Return the classifier of the model in a folder, if that has one.

    Raises:
        ModelFileError: the classifier's file is damaged.
    """
    return load_classifier(folder) if (folder / CLASSIFIER_FILE).is_file() else None


def host_network(
    host: ClassifierModel | None,
    folder: Path,
    shape: ClassifierConfig,
    classes: tuple[str, ...],
    latents: Tensor,
) -> Classifier:
    """Return the network of a deployed classifier; a new one, if that is none such.

    Of one with whole convolutions those of the shape's rank are made. A warning tells what keeps
    one that is there from being trained further.

    Args:
        folder: that the deployed one is from, for the warning.
        latents: such as it will see, [N, C, h, w].
    """
    if host is None:
        return Classifier(shape)
    there = host.network.config
    if leads_to(host, shape, classes):
        if there == shape or not shape.rank:
            return restore_classifier(host.network, latents)
        return low_rank(host.network, shape.rank, latents)
    if host.classes != classes:
        _log.warning("%s: tells other classes, so a new classifier begins", folder)
    else:
        _log.warning("%s: has %s, so a new classifier begins: %s", folder, there, shape)
    return Classifier(shape)


def leads_to(host: ClassifierModel, shape: ClassifierConfig, classes: tuple[str, ...]) -> bool:
    """Whether a network of a shape begins with a deployed one: of that shape, or of full rank."""
    whole = shape.model_copy(update={"rank": None})
    return host.classes == classes and host.network.config in (shape, whole)


def tell_of_other_images(folder: Path, provenance: Mapping[str, Any], learnt: str) -> None:
    """Warn where a model has learnt from other images than those that are divided now.

    Args:
        folder: of the model.
        provenance: of the half that has learnt.
        learnt: digest of the images that are divided now.
    """
    if provenance.get("data") != {"sha256": learnt}:
        _log.warning(
            "%s: has learnt from other images than these; of images that are in both, it may have "
            "learnt those that validate now, and then accuracies and scores come out too good",
            folder,
        )


def check_encoder(config: TrainConfig, robot: EncoderModel) -> None:
    """Make sure that a configuration means the encoder that is there.

    Colour statistics, and where screen chooses them the channels, are not the configuration's.

    Raises:
        ConfigError: names the first key that differs.
    """
    chosen = {"mean", "std"} | ({"channels"} if config.represent else set())
    asked = config.encoder.model_dump(exclude=chosen)
    deployed = robot.network.config.model_dump(exclude=chosen)
    for key, value in asked.items():
        if value != deployed[key]:
            raise ConfigError(
                f"encoder.{key}: {value} in the configuration, {deployed[key]} in the encoder "
                f"{robot.name!r}, which has to be the same"
            )
