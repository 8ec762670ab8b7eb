"""A training as one page of YAML, checked before anything starts."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from jcc_ros.codec.ladder import MAX_STEP, MIN_STEP
from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.package_files import package_folders
from jcc_ros.datasets.text import read_text
from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig, HostBlocks, HostWidth

Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
Batch = Annotated[int, Field(ge=2)]  # normalisation needs two
Step = Annotated[float, Field(ge=MIN_STEP, le=MAX_STEP)]

MAX_SEED = 2**32 - 1
STEPS = ("teach", "represent", "screen", "finetune", "calibrate")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names file, key and reason."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HostNetwork(_Section):
    """The classifier's shape, as far as the data does not fix it.

    Attributes:
        blocks: residual blocks; without any it is small enough for the robot.
        rank: of their convolutions, for fewer parameters; None for whole ones.
    """

    width: HostWidth = 256
    blocks: HostBlocks = 2
    rank: HostWidth | None = None

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if self.rank and self.rank > self.width:
            raise ValueError(f"rank {self.rank} is more than the width, {self.width}")
        return self

    def shape(self, channels: int, classes: int) -> ClassifierConfig:
        """Return the classifier for latents of some channels."""
        return ClassifierConfig(channels=channels, classes=classes, **self.model_dump())


class ImageCodec(_Section):
    """Images that went through a codec, for a classifier of decoded images.

    Attributes:
        qualities: lowest and highest, 1 to 100 as OpenCV counts; drawn uniformly.
    """

    name: Literal["JPEG", "WebP"]
    qualities: tuple[Quality, Quality]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.qualities[0] > self.qualities[1]:
            raise ValueError(
                f"qualities {self.qualities}: the lowest comes first, the highest second"
            )
        return self


class Augment(_Section):
    """Random changes of a training image, drawn anew for every image and epoch.

    Attributes:
        shift: largest displacement, as a fraction of the size.
        rotate: largest angle, degrees.
        scale: largest enlargement or reduction, as a fraction.
        flip: mirror every second image.
        cutout: side of the square that is blanked, as a fraction of the size, down to an odd number
            of pixels.
        crop: smallest share of the image's area that a random resized crop keeps (Szegedy et al.,
            arXiv 1409.4842), of 3:4 to 4:3 of the image's shape; None for no such crop.
        codec: sends the image, before anything else; validation images go at the middle quality.
    """

    shift: Fraction = 0.125
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Fraction = 0.0
    flip: bool = False
    cutout: Fraction = 0.0
    crop: Annotated[float, Field(gt=0, lt=1)] | None = None
    codec: ImageCodec | None = None


class Schedule(_Section):
    """How long and how fast a step learns: SGD with momentum under a one-cycle learning rate.

    Attributes:
        learning_rate: its peak.
        average: decay of the moving average of the weights, an update.
    """

    epochs: PositiveInt
    batch: Batch = 256
    learning_rate: PositiveFloat = 0.3
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    average: Fraction = 0.999


class Teach(Schedule):
    """A teacher for finetune.

    Attributes:
        width: channels of its first stage; the other two have four times as many.
        networks: that judge together, by the mean of their logits. They begin with different
            weights, err on different images, and take as many times as long.
    """

    batch: Batch = 512
    learning_rate: PositiveFloat = 0.75
    momentum: Fraction = 0.85
    weight_decay: Annotated[float, Field(ge=0)] = 1.3e-3
    average: Fraction = 0.99
    width: PositiveInt = 64
    networks: PositiveInt = 1
    label_smoothing: Fraction = 0.0


class Represent(Schedule):
    """Step 1, the encoder alone.

    Attributes:
        channels: of the wide latent, which screen chooses from if there is that step.
        invariance: weight of the distance between two views of an image.
    """

    channels: Annotated[int, Field(ge=1, le=1024)] = 32
    invariance: Annotated[float, Field(ge=0)] = 0.02


class Screen(_Section):
    """Step 2, the latent's channels.

    Attributes:
        tolerance: accuracy of the probe that fewer channels may cost.
        least: channels to keep in any case.
    """

    tolerance: Fraction = 0.005
    least: PositiveInt = 1


class Finetune(Schedule):
    """Step 3, end-to-end training: cross-entropy plus rate.

    Attributes:
        rate_weight: cross-entropy (nats) that one payload bit is worth, at quantiser step 1.
        rate_power: of the step, by which that weight is multiplied. The larger, the fewer bits are
            spent where steps are coarse, and the more where they are fine.
        rate_warm_up: share of the training over which that weight grows from zero.
        rate_by_class: the rate is that of a latent whose class is known, as a component of an
            entropy table knows it; otherwise every latent element has one density for all classes.
        steps: the quantiser steps are drawn log-uniformly between these two.
        full_prefix: share of images whose latent is sent whole; the rest draw any prefix.
        reduction: weight of the latents' rate reduction (nats per channel), which represent
            maximises too. It lifts what few bits can buy.
        teacher: share of the loss that follows the teacher, where there is one.
        teacher_sees: the training images, once, before the training; or every view of them that the
            encoder sees, which teaches more in the long run (Beyer et al., arXiv 2106.05237) and
            costs time in every batch.
        temperature: of the teacher's softmax.
    """

    label_smoothing: Fraction = 0.05
    rate_weight: PositiveFloat = 1e-3
    rate_power: Annotated[float, Field(ge=0, le=4)] = 1.0
    rate_warm_up: Fraction = 0.0
    rate_by_class: bool = True
    steps: tuple[Step, Step] = (0.5, 4.0)
    full_prefix: Annotated[float, Field(ge=0, le=1)] = 0.5
    reduction: Annotated[float, Field(ge=0)] = 0.0
    teacher: Annotated[float, Field(ge=0, le=1)] = 0.9
    teacher_sees: Literal["images", "views"] = "images"
    temperature: PositiveFloat = 2.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.steps[0] > self.steps[1]:
            raise ValueError(f"steps {self.steps}: the finest comes first, the coarsest second")
        return self


class Calibrate(_Section):
    """Candidates for the ladder: every step with every prefix.

    Attributes:
        finest, coarsest, count: geometric grid of quantiser steps.
        prefixes: leading channels, as fractions of all.
        points: how many operating points to keep at the most.
        components: of every entropy table, at the most. More make payloads shorter, but both model
            files larger, and calibrate and the robot slower.
    """

    finest: Step = 0.5
    coarsest: Step = 4.0
    count: Annotated[int, Field(ge=2)] = 13
    prefixes: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.25, 0.5, 0.75, 1.0)
    points: Annotated[int, Field(ge=1, le=32)] = 20
    components: Annotated[int, Field(ge=1, le=256)] = 16

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.finest > self.coarsest:
            raise ValueError(f"finest {self.finest} is coarser than coarsest {self.coarsest}")
        return self


class TrainConfig(_Section):
    """Everything that makes a model, except the images.

    The steps run in the order in which they stand here; those that are left out are not run.

    Attributes:
        name: of the model and of its folder.
        data: "digits", which scikit-learn ships, or "files", given on the command line.
        validation: share of the training images kept for screening and calibration.
        about: what it is and what it learnt from; for the model card, as `license` is.
        precision: "auto" takes bfloat16 where the device multiplies it faster, and right.
        encoder: its `channels` are those of the latent where represent has none of its own; `mean`
            and `std` are measured.
    """

    name: str
    data: Literal["digits", "files"] = "files"
    about: str = ""
    license: str = ""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    encoder: EncoderConfig
    classifier: HostNetwork = HostNetwork()
    augment: Augment = Augment()
    teach: Teach | None = None
    represent: Represent | None = None
    screen: Screen | None = None
    finetune: Finetune
    calibrate: Calibrate = Calibrate()

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", name):
            raise ValueError(f"{name!r}: expected 1 to 200 letters (a-z, A-Z), digits, - and _")
        return name

    @model_validator(mode="after")
    def _screen_has_something_to_screen(self) -> Self:
        if self.screen and not self.represent:
            raise ValueError(
                "screen chooses channels of the latent that represent trains, but represent is "
                "missing; add it, or leave out screen as well"
            )
        if self.screen and self.represent and self.screen.least > self.represent.channels:
            raise ValueError(
                f"screen.least {self.screen.least} is more than represent.channels "
                f"{self.represent.channels}"
            )
        return self

    @model_validator(mode="after")
    def _colours_are_measured(self) -> Self:
        for key in sorted({"mean", "std"} & self.encoder.model_fields_set):
            raise ValueError(f"encoder.{key}: measured on the training images; leave it out")
        return self

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the steps that this configuration lists, in order."""
        return tuple(step for step in STEPS if getattr(self, step) is not None)


def read_config(file: Path) -> TrainConfig:
    """Return the configuration in a YAML file.

    With `extends: OTHER.yaml`, beside the file, what OTHER says holds unless the file says
    something else; `step: null` leaves out a step of OTHER. `extends: NAME` means the package's
    configuration of this name.

    Raises:
        ConfigError: names the file, the key and what is allowed there.
    """
    page = _page(file)
    if not isinstance(page, dict):
        raise ConfigError(f"{file}: not a YAML mapping of keys to values")
    try:
        return TrainConfig.model_validate(page)
    except ValidationError as error:
        # A key that is missing may be the one that is misspelt.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        where = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            why = _no_such_key(where)
        raise ConfigError(": ".join(filter(None, (str(file), where, why)))) from error


def _no_such_key(where: str) -> str:
    """Say of the dotted name of an unknown key which one may be meant."""
    section, _, key = where.rpartition(".")
    sections = dict(_sections(TrainConfig))
    known = sorted({name for keys in sections.values() for name in keys})
    for alike in get_close_matches(key, known, 1):
        if alike in sections[section]:
            return f"no such key; did you mean {alike}?"
        *places, last = (
            f"{name}.{alike}" if name else f"{alike} at the top level"
            for name, keys in sections.items()
            if alike in keys
        )
        others = f"{', '.join(places)} or " if places else ""
        return f"no such key; did you mean {others}{last}?"
    return "no such key"


def _sections(page: type[BaseModel], name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the dotted name and the keys of a page and of all sections in it."""
    yield name, list(page.model_fields)
    for key, field in page.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type(BaseModel)):
                yield from _sections(kind, f"{name}.{key}".lstrip("."))


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would let the last hold."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ValueError(f"line {line}: the key {key.value} appears twice")
            seen.add(key.value)
        return node


def _page(file: Path, below: tuple[Path, ...] = ()) -> Any:
    """Return the YAML page with what it extends."""
    try:
        page = _Loader(read_text(file)).get_single_data()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except DataError as error:
        raise ConfigError(str(error)) from error
    except (RecursionError, ValueError, yaml.YAMLError) as error:  # of dates and numbers
        raise ConfigError(f"{file}: {error}") from error
    extended = page.pop("extends", None) if isinstance(page, dict) else None
    if extended is None:
        return page
    base = _extended(file.parent, str(extended))
    above = (*below, file.resolve())
    if base.resolve() in above:
        raise ConfigError(f"{file}: extends: {base} extends itself")
    if not base.is_file():
        raise ConfigError(
            f"{file}: extends: {base.resolve()} is not a file; give a path from the folder of "
            f"{file.name}, or the name of a configuration of jcc_ros, such as photos"
        )
    return _merged(_page(base, above), page)


def _extended(beside: Path, extended: str) -> Path:
    """Return the file that a page extends: beside it, or one of the package by its name."""
    file = beside / extended
    if file.is_file() or Path(extended).name != extended or Path(extended).suffix:
        return file
    shipped = (folder / "train" / f"{extended}.yaml" for folder in package_folders("config"))
    return next(filter(Path.is_file, shipped), file)


def _merged(base: Any, changes: Any) -> Any:
    """Return base with changes; sections are merged key by key."""
    if isinstance(base, dict) and isinstance(changes, dict):
        return base | {key: _merged(base.get(key), value) for key, value in changes.items()}
    return changes
