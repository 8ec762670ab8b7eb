"""What a training writes down as it goes: log.jsonl, TensorBoard's events, a line on the screen."""

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.writing import write_whole

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG_FILE = "log.jsonl"
_BOARDS = "tensorboard"  # a folder in it for each step


class Log:
    """The log of one run.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / LOG_FILE
        self._board = cache(self._new_board)

    def add(self, stage: str, **values: object) -> None:
        """Append a line and show it.

        Raises:
            DataError: names the file or folder that cannot be written.
        """
        self.write(stage, **values)
        self.show(stage, **values)

    def write(self, stage: str, **values: object) -> None:
        """Append a line; with an `epoch`, fractions become points of curves.

        Raises:
            DataError: names the file or folder that cannot be written.
        """
        with _naming(self._file):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as lines:
                lines.write(json.dumps({"stage": stage, **values}) + "\n")
                lines.flush()
                os.fsync(lines.fileno())  # a power cut leaves no checkpoint of an epoch without one
        epoch = values.get("epoch")
        if isinstance(epoch, int):
            with _naming(self._folder / _BOARDS / stage):
                board = self._board(stage)
                for name, value in values.items():
                    if isinstance(value, float):
                        board.add_scalar(name, value, epoch)
                board.flush()

    def show(self, stage: str, **values: object) -> None:
        """Show a line on the screen."""
        line = {"stage": stage, **values}
        tqdm.write("  ".join(f"{name} {value}" for name, value in line.items()))

    def rewind(self, stage: str, epoch: int = 0) -> None:
        """Forget what was logged of a step after the end of an epoch."""
        kept = [line for line in self._lines() if not _is_after(line, stage, epoch)]
        if self._file.is_file():
            write_whole(self._file, "".join(json.dumps(line) + "\n" for line in kept).encode())
        if epoch == 0:
            shutil.rmtree(self._folder / _BOARDS / stage, ignore_errors=True)

    def clear(self) -> None:
        """Forget everything."""
        self._file.unlink(missing_ok=True)
        shutil.rmtree(self._folder / _BOARDS, ignore_errors=True)

    def _lines(self) -> list[dict[str, Any]]:
        """Return the lines that say something of a step: a power cut may leave half of one."""
        if not self._file.is_file():
            return []
        found = []
        for text in self._file.read_text(errors="replace").splitlines():
            with suppress(json.JSONDecodeError):
                line = json.loads(text)
                if isinstance(line, dict) and "stage" in line:
                    found.append(line)
        return found

    def _new_board(self, stage: str) -> "SummaryWriter":
        # Slow to import, and whoever only reads a run's folder does not need it.
        from torch.utils.tensorboard import SummaryWriter

        epochs = sum(line["stage"] == stage for line in self._lines())
        # The line of this epoch is there already; TensorBoard drops what an interrupted run left.
        return SummaryWriter(self._folder / _BOARDS / stage, purge_step=epochs)


@contextmanager
def _naming(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{place}: cannot be written: {error.strerror}; put that right, then continue with "
            "--resume"
        ) from error


def _is_after(line: dict[str, Any], stage: str, epoch: int) -> bool:
    return bool(line["stage"] == stage and line.get("epoch", math.inf) > epoch)
