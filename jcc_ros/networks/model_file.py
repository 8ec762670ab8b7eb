"""Model files: safetensors with a JSON description, written once and checked on every load.

    models/NAME/encoder.safetensors      weights of the encoder, entropy tables, description
    models/NAME/classifier.safetensors   weights of the classifier, the same tables, description

Nothing in a file is executed and nothing is believed: shapes are compared with what the
description implies before a tensor is read, and the model id is computed from the tables.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from typing_extensions import Self

from jcc_ros.codec.entropy import MAX_COMPONENTS, MAX_LEVELS, MAX_ROWS, EntropyTable
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.datasets.writing import write_whole
from jcc_ros.networks.architecture import ClassifierConfig, EncoderConfig
from jcc_ros.networks.graph import Weights, named
from jcc_ros.networks.int8 import pack, unpack

FORMAT: Final = 2
ENCODER_FILE = "encoder.safetensors"
CLASSIFIER_FILE = "classifier.safetensors"

_KEY = "jcc_ros"
_NETWORK = "network."  # begins the names of a network's tensors
_SCALES = ".scales"  # ends the names of what tensors of bytes are to be multiplied by
_MAX_BYTES = 1 << 30
_MAX_ELEMENTS = 1 << 20  # of a latent: bounds the work that one packet can cause
# The numbers of an operating point's table, and the most of them that may be.
_TABLE = {
    "rows": MAX_ROWS * MAX_LEVELS,
    "indexes": MAX_COMPONENTS * _MAX_ELEMENTS,
    "shares": MAX_COMPONENTS,
}

Half = Literal["encoder", "classifier"]
Architecture = TypeVar("Architecture", EncoderConfig, ClassifierConfig)


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
    temperature: float = Field(1.0, ge=0.01, le=100)


class _Description(BaseModel, extra="forbid"):
    format: Literal[2] = FORMAT
    half: Half
    name: _Words
    model_id: str = Field(pattern=r"^[0-9a-f]{64}$")
    latent_shape: tuple[int, int, int]
    ladder: list[_Point] = Field(min_length=1)
    architecture: dict[str, Any]
    classes: tuple[_Words, ...] = ()
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if min(self.latent_shape) < 1 or math.prod(self.latent_shape) > _MAX_ELEMENTS:
            raise ValueError(
                f"latent shape {self.latent_shape}: expected sizes of 1 or more, "
                f"{_MAX_ELEMENTS} elements at most"
            )
        return self


@dataclass(frozen=True)
class ModelFile(Generic[Architecture]):
    """What one file holds.

    Attributes:
        half: which one it is.
        name: of the model.
        codec: of the model's ladder.
        architecture: the configuration of the network.
        classes: their names, for a classifier.
        provenance: how the model was made and measured.
        weights: of the network, weight and bias of each layer.
    """

    half: Half
    name: str
    codec: LatentCodec
    architecture: Architecture
    classes: tuple[str, ...]
    provenance: Mapping[str, Any]
    weights: Weights


def write_model_file(content: ModelFile[Architecture], file: Path) -> None:
    """Write a file, and make its folder if need be."""
    ladder = content.codec.ladder
    description = _Description(
        half=content.half,
        name=content.name,
        model_id=content.codec.model_id,
        latent_shape=ladder.shape,
        ladder=[
            _Point(
                step=point.step,
                prefix=point.prefix,
                lowest=point.table.lowest,
                bits=point.bits,
                accuracy=point.accuracy,
                temperature=point.temperature,
            )
            for point in ladder
        ],
        architecture=content.architecture.model_dump(),
        classes=content.classes,
        provenance=dict(content.provenance),
    )
    tensors: dict[str, NDArray[Any]] = {}
    for name, value in named(content.weights).items():
        tensors |= _compact(f"{_NETWORK}{name}", value)
    for index, point in enumerate(ladder):
        tensors |= _compact(f"ladder.{index}.rows", point.table.rows)
        tensors[f"ladder.{index}.indexes"] = point.table.indexes
        tensors[f"ladder.{index}.shares"] = point.table.shares
    # Not save_file: it makes files that only their owner may read.
    write_whole(file, save(tensors, metadata={_KEY: description.model_dump_json()}))


def read_model_file(file: Path, half: Half, kind: type[Architecture]) -> ModelFile[Architecture]:
    """Read a file and check all of it.

    Args:
        kind: that describes the architecture of this half.
    Raises:
        ModelFileError: names the file and what is wrong with it.
    """
    with blaming(file):
        description, architecture, values = _read(file, half, kind)
        points = []
        for index, point in enumerate(description.ladder):
            rows, indexes, shares = (values[f"ladder.{index}.{part}"] for part in _TABLE)
            table = EntropyTable(rows, indexes, shares, point.lowest)
            measured = point.bits, point.accuracy, point.temperature
            points.append(OperatingPoint(point.step, point.prefix, table, *measured))
        codec = LatentCodec(Ladder(description.latent_shape, points))
        if codec.model_id != description.model_id:
            raise ModelFileError(
                f"the description names model id {description.model_id}, "
                f"but the tables give {codec.model_id}"
            )
        weights = []
        for index in range(len(architecture.weight_shapes)):
            names = [f"{_NETWORK}{index}.{part}" for part in ("weight", "bias")]
            for name in names:
                if values[name].dtype != np.float32:
                    raise ModelFileError(f"tensor {name} must be float32, float16 or int8")
            weights.append((values[names[0]], values[names[1]]))
        return ModelFile(
            description.half,
            description.name,
            codec,
            architecture,
            description.classes,
            description.provenance,
            weights,
        )


@contextmanager
def blaming(file: Path) -> Iterator[None]:
    """Turn what goes wrong inside into a ModelFileError that names the file."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        text = first["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in ("description", *first["loc"]))
        raise ModelFileError(f"{file}: {where}: {text}") from error
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{file}: {error}") from error


def _read(
    file: Path, half: Half, kind: type[Architecture]
) -> tuple[_Description, Architecture, dict[str, NDArray[Any]]]:
    """Return the description, its architecture and all tensors."""
    if not file.is_file():
        raise ModelFileError("no such file")
    file.open("rb").close()  # says what is not permitted; to safetensors the file would be missing
    if file.stat().st_size > _MAX_BYTES:
        raise ModelFileError(f"the file is larger than {_MAX_BYTES} bytes")
    with safe_open(file, framework="np") as tensors:
        metadata = tensors.metadata() or {}
        if _KEY not in metadata:
            raise ModelFileError("not a jcc_ros model file")
        found = json.loads(metadata[_KEY])
        if isinstance(found, dict) and found.get("format") != FORMAT:
            raise ModelFileError(
                f"the file has format {found.get('format')}, this version of jcc_ros reads "
                f"{FORMAT}: train the model again"
            )
        description = _Description.model_validate(found)
        if description.half != half:
            raise ModelFileError(f"the file contains the {description.half}, expected the {half}")
        architecture = kind.model_validate(description.architecture)
        # Asked before a tensor is read: numpy does not know all the types that a file may hold.
        headers = {name: tensors.get_slice(name) for name in sorted(tensors.keys())}
        kinds = {name: header.get_dtype() for name, header in headers.items()}
        shapes = {name: tuple(header.get_shape()) for name, header in headers.items()}
        _check_scales(kinds, shapes)
        _check_shapes(
            {name: shape for name, shape in shapes.items() if not _scales_another(name, kinds)},
            architecture.weight_shapes,
            len(description.ladder),
        )
        return description, architecture, _values(tensors, kinds)


def _scales_another(name: str, kinds: Mapping[str, str]) -> bool:
    return name.endswith(_SCALES) and kinds.get(name.removesuffix(_SCALES)) == "I8"


def _check_scales(kinds: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name in (name for name, kind in kinds.items() if kind == "I8"):
        scales = f"{name}{_SCALES}"
        if kinds.get(scales) != "F16" or shapes[scales] != shapes[name][:1]:
            raise ModelFileError(
                f"tensor {name} is int8: expected {scales} in float16, one per row"
            )


def _check_shapes(
    found: dict[str, tuple[int, ...]], weight_shapes: Sequence[tuple[int, ...]], points: int
) -> None:
    """Compare shapes, by the names of the tensors, with those of a network and its tables.

    Raises:
        ModelFileError: names the first tensor that is missing, unexpected or of another shape.
    """
    for index in range(points):
        for part, most in _TABLE.items():
            name = f"ladder.{index}.{part}"
            if name not in found:
                raise ModelFileError(f"tensor {name} is missing")
            if math.prod(found.pop(name)) > most:
                raise ModelFileError(f"tensor {name} holds more than {most} numbers")
    wanted: dict[str, tuple[int, ...]] = {}
    for index, shape in enumerate(weight_shapes):
        wanted[f"{_NETWORK}{index}.weight"] = shape
        wanted[f"{_NETWORK}{index}.bias"] = shape[:1]
    for name in sorted(wanted.keys() | found.keys()):
        if not name.startswith(_NETWORK):
            raise ModelFileError(f"unexpected tensor {name}")
        if wanted.get(name) != found.get(name):
            raise ModelFileError(
                f"shape of tensor {name}: the description implies {wanted.get(name, 'none')}, "
                f"the file has {found.get(name, 'none')}"
            )


def _values(tensors: safe_open, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Return the tensors of an open file: indexes as they are, all else in single precision."""
    values: dict[str, NDArray[Any]] = {}
    for name, kind in kinds.items():
        if kind == "U8":
            values[name] = tensors.get_tensor(name)
        elif kind in ("F32", "F16", "I8"):
            values[name] = tensors.get_tensor(name).astype(np.float32)
        if name not in values or not np.isfinite(values[name]).all():
            raise ModelFileError(f"tensor {name} must be finite float32 or float16, or int8")
    for name in (name for name, kind in kinds.items() if kind == "I8"):
        values[name] = unpack(values[name], values.pop(f"{name}{_SCALES}"))
    return values


def _compact(name: str, values: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Return the tensors that hold values under a name, in the fewest bytes that lose nothing."""
    if values.ndim > 1:
        integers, scales = pack(values)
        if np.array_equal(unpack(integers, scales), values):
            return {name: integers, f"{name}{_SCALES}": scales}
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return {name: half if np.array_equal(half.astype(np.float32), values) else values}
