"""Model files: safetensors with a JSON description, written once and checked on every load.

    models/NAME/encoder.safetensors      weights of the encoder, entropy tables, description
    models/NAME/classifier.safetensors   weights of the classifier, the same tables, description

Nothing in a file is executed and nothing is believed: sizes are compared with what the
description implies before memory is taken, and the model id is computed from the tables.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import BaseModel, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from typing_extensions import Self

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.classifier import Classifier, ClassifierConfig
from jcc_ros.networks.encoder import Encoder, EncoderConfig
from jcc_ros.networks.layers import fold
from jcc_ros.networks.model import ClassifierModel, EncoderModel

FORMAT: Final = 1
ENCODER_FILE = "encoder.safetensors"
CLASSIFIER_FILE = "classifier.safetensors"

_KEY = "jcc_ros"
_NETWORK = "network."  # begins the names of a network's tensors
_MAX_BYTES = 1 << 30
_MAX_ELEMENTS = 1 << 20  # of a latent: bounds the work that one packet can cause


class ModelFileError(ValueError):
    """A model file that is missing, damaged, of another kind, or at odds with its partner."""


# These are logged and published: no line breaks, no terminal codes.
_Words = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class _Point(BaseModel, extra="forbid"):
    step: float = Field(gt=0, lt=math.inf)
    prefix: int
    lowest: int
    bits: float = Field(ge=0, lt=math.inf)
    accuracy: float = Field(ge=0, le=1)


class _Description(BaseModel, extra="forbid"):
    format: Literal[1] = FORMAT
    half: Literal["encoder", "classifier"]
    name: _Words
    model_id: str = Field(pattern=r"^[0-9a-f]{64}$")
    latent_shape: tuple[int, int, int]
    ladder: list[_Point]
    architecture: dict[str, Any]
    classes: tuple[_Words, ...] = ()
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if min(self.latent_shape) < 1 or math.prod(self.latent_shape) > _MAX_ELEMENTS:
            raise ValueError(f"latent shape {self.latent_shape} is not sensible")
        return self


def save_encoder(model: EncoderModel, folder: Path) -> None:
    """Write the robot's half into `folder`, which is made if need be."""
    _save(model, "encoder", (), folder / ENCODER_FILE)


def save_classifier(model: ClassifierModel, folder: Path) -> None:
    """Write the host's half into `folder`, which is made if need be."""
    _save(model, "classifier", model.classes, folder / CLASSIFIER_FILE)


def load_encoder(folder: Path, device: str = "cpu") -> EncoderModel:
    """Read the robot's half from a model folder.

    Raises:
        ModelFileError: names the file and what is wrong with it.
    """
    file = Path(folder) / ENCODER_FILE
    description, codec, weights = _read(file, "encoder")
    with _blaming(file):
        config = EncoderConfig.model_validate(description.architecture)
        network = _assemble(Encoder, config, weights, device)
        if network.latent_shape != codec.ladder.shape:
            raise ModelFileError(
                f"the network makes latents {network.latent_shape}, "
                f"the ladder is for {codec.ladder.shape}"
            )
        return EncoderModel(description.name, network, codec, description.provenance)


def load_classifier(folder: Path, device: str = "cpu") -> ClassifierModel:
    """Read the host's half from a model folder.

    Raises:
        ModelFileError: names the file and what is wrong with it.
    """
    file = Path(folder) / CLASSIFIER_FILE
    description, codec, weights = _read(file, "classifier")
    with _blaming(file):
        config = ClassifierConfig.model_validate(description.architecture)
        if config.channels != codec.ladder.shape[0]:
            raise ModelFileError(
                f"the network reads {config.channels} channels, "
                f"the ladder has {codec.ladder.shape[0]}"
            )
        if config.classes != len(description.classes):
            raise ModelFileError(
                f"the network knows {config.classes} classes, {len(description.classes)} are named"
            )
        network = _assemble(Classifier, config, weights, device)
        return ClassifierModel(
            description.name, network, codec, description.classes, description.provenance
        )


def load_model(folder: Path, device: str = "cpu") -> tuple[EncoderModel, ClassifierModel]:
    """Read both halves.

    Raises:
        ModelFileError: as the single loaders do, and if the halves do not belong together.
    """
    encoder, classifier = load_encoder(folder, device), load_classifier(folder, device)
    if encoder.codec.model_id != classifier.codec.model_id:
        raise ModelFileError(
            f"{folder}: the encoder has model id {encoder.codec.model_id}, "
            f"the classifier {classifier.codec.model_id}; take both files from one training"
        )
    return encoder, classifier


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    """Turn what goes wrong inside into a ModelFileError that names the file."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("description", *first["loc"]))
        raise ModelFileError(f"{file}: {where}: {first['msg']}") from error
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{file}: {error}") from error


def _save(
    model: EncoderModel | ClassifierModel,
    half: Literal["encoder", "classifier"],
    classes: tuple[str, ...],
    file: Path,
) -> None:
    ladder = model.codec.ladder
    description = _Description(
        half=half,
        name=model.name,
        model_id=model.codec.model_id,
        latent_shape=ladder.shape,
        ladder=[
            _Point(
                step=point.step,
                prefix=point.prefix,
                lowest=point.table.lowest,
                bits=point.bits,
                accuracy=point.accuracy,
            )
            for point in ladder
        ],
        architecture=model.network.config.model_dump(),
        classes=classes,
        provenance=model.provenance,
    )
    tensors = {f"{_NETWORK}{k}": _compact(v) for k, v in model.network.state_dict().items()}
    for index, point in enumerate(ladder):
        tensors[f"ladder.{index}"] = torch.from_numpy(point.table.probabilities.copy())
    file.parent.mkdir(parents=True, exist_ok=True)
    # A reader sees the old file or the new one, never a part of it.
    partial = file.with_suffix(".partial")
    # Not save_file: it makes files that only their owner may read.
    partial.write_bytes(save(tensors, metadata={_KEY: description.model_dump_json()}))
    os.replace(partial, file)


def _compact(weight: Tensor) -> Tensor:
    """Return a weight in half precision where that loses nothing."""
    half = weight.contiguous().half()
    return half if torch.equal(half.float(), weight) else weight.contiguous()


def _read(file: Path, half: str) -> tuple[_Description, LatentCodec, dict[str, Tensor]]:
    with _blaming(file):
        if not file.is_file():
            raise ModelFileError("is no file")
        if file.stat().st_size > _MAX_BYTES:
            raise ModelFileError(f"is larger than {_MAX_BYTES} bytes")
        with safe_open(file, framework="pt") as tensors:
            metadata = tensors.metadata() or {}
            if _KEY not in metadata:
                raise ModelFileError("is not a jcc_ros model file")
            found = json.loads(metadata[_KEY])
            if isinstance(found, dict) and found.get("format") != FORMAT:
                raise ModelFileError(
                    f"has format {found.get('format')}, this version reads {FORMAT}"
                )
            description = _Description.model_validate(found)
            if description.half != half:
                raise ModelFileError(f"holds the {description.half}, expected the {half}")
            values = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
        for name, value in values.items():
            halves = (torch.float16,) if name.startswith(_NETWORK) else ()
            if value.dtype not in (torch.float32, *halves) or not value.isfinite().all():
                raise ModelFileError(f"tensor {name} must be finite float32 or a float16 weight")
        points = []
        for index, point in enumerate(description.ladder):
            if f"ladder.{index}" not in values:
                raise ModelFileError(f"tensor ladder.{index} is missing")
            table = EntropyTable(values.pop(f"ladder.{index}").numpy(), point.lowest)
            points.append(
                OperatingPoint(point.step, point.prefix, table, point.bits, point.accuracy)
            )
        codec = LatentCodec(Ladder(description.latent_shape, points))
        if codec.model_id != description.model_id:
            raise ModelFileError(
                f"claims model id {description.model_id}, its tables give {codec.model_id}"
            )
        return description, codec, values


def _assemble(kind: type[nn.Module], config: Any, weights: dict[str, Tensor], device: str) -> Any:
    """Build a folded network around the tensors of a file, taking no memory of its own before."""
    with torch.device("meta"):
        expected = fold(kind(config).eval()).state_dict()
    shapes = {f"{_NETWORK}{name}": tuple(value.shape) for name, value in expected.items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(shapes.keys() | found.keys()):
        if shapes.get(name) != found.get(name):
            raise ModelFileError(
                f"tensor {name}: the description implies shape {shapes.get(name)}, "
                f"the file has {found.get(name)}"
            )
    with torch.random.fork_rng(devices=[]):  # loading a model changes no training beside it
        network = fold(kind(config).eval())
    network.load_state_dict({k.removeprefix(_NETWORK): value for k, value in weights.items()})
    network.requires_grad_(False)
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
