"""What a training begins with: the networks of a model that is there, or new ones."""

import logging
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.architecture import ClassifierConfig
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.classifier import restore as restore_classifier
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder
from jcc_ros.networks.low_rank import low_rank, whole
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError
from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.story import Story, read_story

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployed:
    """A model that is there.

    Attributes:
        folder: that it is in.
        robot: its encoder.
        host: its classifier, if it has one.
    """

    folder: Path
    robot: EncoderModel
    host: ClassifierModel | None

    @property
    def stories(self) -> list[Story]:
        """What the halves that are there tell of how they were made.

        Raises:
            ModelFileError: a half's provenance is not what training writes.
        """
        stories = [read_story(self.robot.provenance, self.folder / ENCODER_FILE)]
        if self.host:
            stories.append(read_story(self.host.provenance, self.folder / CLASSIFIER_FILE))
        return stories

    @property
    def commands(self) -> list[str]:
        """The commands that made them, each of them once."""
        made = [command for story in self.stories for command in story.commands]
        return list(dict.fromkeys(made + [c for s in self.stories for c in s.all_commands]))


def deployed(folder: Path) -> Deployed:
    """Return the model in a folder, whose classifier may be missing.

    Raises:
        ModelFileError: the encoder's file is missing, one is damaged, or they do not belong
            together.
    """
    robot = load_encoder(folder)
    if not (folder / CLASSIFIER_FILE).is_file():
        return Deployed(folder, robot, None)
    host = load_classifier(folder)
    if robot.codec.model_id != host.codec.model_id:
        raise ModelFileError(
            f"{folder}: the encoder has model id {robot.codec.model_id}, but the classifier has "
            f"{host.codec.model_id}; remove {CLASSIFIER_FILE} to begin with a new classifier"
        )
    return Deployed(folder, robot, host)


def host_network(
    model: Deployed,
    shape: ClassifierConfig,
    classes: tuple[str, ...],
    latents: Tensor,
) -> Classifier:
    """Return the network of a model's classifier; a new one, if that is none such.

    Convolutions get the shape's rank. A warning tells what keeps one that is there from being
    trained further.

    Args:
        latents: such as it will see, [N, C, h, w].
    """
    host, folder = model.host, model.folder
    if host is None:
        return Classifier(shape)
    there = host.network.config
    if leads_to(host, shape, classes):
        if there == shape:
            return restore_classifier(host.network, latents)
        network = whole(host.network)
        if shape.rank is None:
            return restore_classifier(network, latents)
        return low_rank(network, shape.rank, latents)
    if host.classes != classes:
        _log.warning(
            "%s: its classifier has other classes, so training begins with a new classifier", folder
        )
    else:
        _log.warning(
            "%s: its classifier has %s, but the configuration asks for %s, so training begins with "
            "a new classifier",
            *(folder, there, shape),
        )
    return Classifier(shape)


def leads_to(host: ClassifierModel, shape: ClassifierConfig, classes: tuple[str, ...]) -> bool:
    """Whether a network of a shape begins with a deployed one: of that shape, but for the rank."""
    there = host.network.config.model_copy(update={"rank": shape.rank})
    return host.classes == classes and there == shape


def ordered_like(data: LabelledImages, host: ClassifierModel | None) -> LabelledImages:
    """Return the images with a model's order of classes, if they have the same classes."""
    same = host is not None and set(host.classes) == set(data.classes)
    return data.matched(host.classes) if host and same else data


def held_before(config: TrainConfig, model: Deployed, images: str) -> TrainConfig:
    """Return the configuration with no more for validation than a model of these images kept.

    Images are always divided in one order: of a share that is not larger the model has learnt none.
    A warning tells of a share that was, and of a model of other images.

    Args:
        images: digest of the images that are divided now.
    Raises:
        ModelFileError: a half's provenance is not what training writes.
    """
    stories = model.stories
    same = [story for story in stories if story.data.sha256 == images]
    if len(same) < len(stories):
        _log.warning(
            "%s: was trained on other images than these; if some images are in both sets, it may "
            "already have learnt from images that are now used for validation, and then accuracies "
            "and scores come out too good",
            model.folder,
        )
    kept = [story.configuration.validation for story in same]
    share = min([config.validation, *(each for each in kept if each)])
    if share < config.validation:
        _log.warning(
            "%s: was trained on all but a share of %g of these images, so validation uses only "
            "that share, not %g",
            *(model.folder, share, config.validation),
        )
    return config.model_copy(update={"validation": share})


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
                f"encoder.{key}: {value} in the configuration, but {deployed[key]} in the encoder "
                f"{robot.name!r}; both have to be the same"
            )
