"""What a model file may tell of how the model was made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jcc_ros.networks.model_file import blaming


class _Configuration(BaseModel):
    about: str = ""
    license: str = ""
    seed: int | None = None
    validation: float | None = None
    teach: dict[str, Any] | None = None
    represent: dict[str, Any] | None = None
    screen: dict[str, Any] | None = None
    finetune: dict[str, Any] | None = None


class _Images(BaseModel):
    train: int | None = None
    validation: int | None = None


class _Data(BaseModel):
    sha256: str = ""


class _Calibration(BaseModel):
    command: str = ""


class Story(BaseModel):
    """The provenance of a half, as far as it is read again; other values are passed over."""

    command: str = ""
    earlier: list[str] = []
    calibration: _Calibration = _Calibration()
    configuration: _Configuration = _Configuration()
    images: _Images = _Images()
    data: _Data = _Data()
    software: dict[str, str] = {}

    @property
    def commands(self) -> list[str]:
        """The commands that trained the half, one after the other."""
        return [*self.earlier, *filter(None, [self.command])]

    @property
    def all_commands(self) -> list[str]:
        """The same, and that of its calibration if it was calibrated anew."""
        return [*self.commands, *filter(None, [self.calibration.command])]


def read_story(provenance: Mapping[str, Any], file: Path) -> Story:
    """Return what the provenance in a model file tells.

    Raises:
        ModelFileError: the provenance is not what training writes.
    """
    with blaming(file):
        return Story.model_validate(provenance)
