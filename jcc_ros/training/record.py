"""What a training's folder is of: run.json, beside the checkpoints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from jcc_ros.datasets.writing import write_whole
from jcc_ros.training.errors import RunError

_FILE = "run.json"


class Difference(NamedTuple):
    """Where two trainings are not the same.

    Attributes:
        key: dotted.
        there, here: its value in the record, and that now asked for; None where there is none.
    """

    key: str
    there: Any
    here: Any

    @property
    def section(self) -> str | None:
        """The section of the configuration in which they differ, None elsewhere."""
        first, *others = self.key.split(".")
        return others[0] if first == "configuration" else None


class _Subject(BaseModel, extra="allow"):
    configuration: dict[str, Any]


class Record(BaseModel):
    """A training, as its folder tells it.

    Attributes:
        finished: the model files are written.
        place: what computes, in words.
        commands: that ran the steps, by the steps' names.
        subject: JSON values that a resumed training must share with the interrupted one: its
            configuration, its data and the like.
    """

    finished: bool = False
    place: str = ""
    commands: dict[str, str] = {}
    subject: _Subject

    @classmethod
    def read(cls, folder: Path) -> "Record | None":
        """Return the folder's record, None where there is none.

        Raises:
            RunError: it does not say what was trained.
        """
        file = folder / _FILE
        if not file.is_file():
            return None
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise RunError(
                f"{file}: not a readable record of what was trained; start afresh with --restart"
            ) from error

    def write(self, folder: Path) -> None:
        """Make it the folder's."""
        text = self.model_dump_json(indent=2) + "\n"
        write_whole(folder / _FILE, text.encode(), lasting=True)

    def differences(self, subject: dict[str, Any]) -> Iterator[Difference]:
        """Yield, by key, where another training's subject differs."""
        return _differences(self.subject.model_dump(), subject, "")


def _differences(there: Any, here: Any, key: str) -> Iterator[Difference]:
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted(there.keys() | here.keys()):
            yield from _differences(there.get(name), here.get(name), f"{key}.{name}".lstrip("."))
    elif there != here:
        yield Difference(key, there, here)
