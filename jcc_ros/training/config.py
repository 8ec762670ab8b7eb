"""A training as one page of YAML, checked before anything starts."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, ValidationError

from jcc_ros.networks.architecture import EncoderConfig

Fraction = Annotated[float, Field(ge=0, lt=1)]


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names file, key and reason."""


class _Section(BaseModel, frozen=True, extra="forbid"):
    pass


class HostNetwork(_Section):
    """The classifier's shape, as far as the data does not fix it."""

    width: PositiveInt = 256
    blocks: PositiveInt = 2


class Augment(_Section):
    """Random changes of a training image, drawn anew for every image and epoch.

    Attributes:
        shift: largest displacement, as a fraction of the size.
        rotate: largest angle, degrees.
        scale: largest enlargement or reduction, as a fraction.
        flip: mirror every second image.
        cutout: side of the square that is blanked, as a fraction of the size.
    """

    shift: Fraction = 0.125
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Fraction = 0.0
    flip: bool = False
    cutout: Fraction = 0.0


class Finetune(_Section):
    """End-to-end training: cross-entropy plus rate.

    Attributes:
        rate_weight: cross-entropy (nats) that one payload bit is worth, at quantiser step 1.
        steps: the quantiser steps are drawn log-uniformly between these two.
        full_prefix: share of images whose latent is sent whole; the rest draw a shorter prefix.
        average: decay of the moving average of the weights, a step.
    """

    epochs: PositiveInt
    batch: PositiveInt = 256
    learning_rate: PositiveFloat = 0.3
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    label_smoothing: Fraction = 0.05
    rate_weight: PositiveFloat = 1e-3
    steps: tuple[PositiveFloat, PositiveFloat] = (0.5, 4.0)
    full_prefix: Fraction = 0.5
    average: Fraction = 0.999


class Calibrate(_Section):
    """Candidates for the ladder: every step with every prefix.

    Attributes:
        finest, coarsest, count: geometric grid of quantiser steps.
        prefixes: leading channels, as fractions of all.
        points: how many operating points to keep at the most.
    """

    finest: PositiveFloat = 0.5
    coarsest: PositiveFloat = 4.0
    count: Annotated[int, Field(ge=2)] = 13
    prefixes: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.25, 0.5, 0.75, 1.0)
    points: Annotated[int, Field(ge=1, le=32)] = 20


class TrainConfig(_Section):
    """Everything that makes a model, except the images.

    Attributes:
        name: of the model and of its folder.
        data: "digits", which scikit-learn ships, or "files", given on the command line.
        validation: share of the training images kept for calibration.
        precision: "auto" takes bfloat16 where the device multiplies it faster.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    data: Literal["digits", "files"] = "files"
    seed: int = 0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    encoder: EncoderConfig
    classifier: HostNetwork = HostNetwork()
    augment: Augment = Augment()
    finetune: Finetune
    calibrate: Calibrate = Calibrate()


def read_config(file: Path) -> TrainConfig:
    """Return the configuration in a YAML file.

    Raises:
        ConfigError: names the file, the key and what is allowed there.
    """
    try:
        return TrainConfig.model_validate(yaml.safe_load(file.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "page"
        raise ConfigError(f"{file}: {where}: {first['msg']}") from error
