"""What a training writes down as it goes: log.jsonl, TensorBoard's events, a line on the screen."""

import json
import math
import os
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.writing import write_whole
from jcc_ros.training.event_file import points

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
        # TensorBoard reads the files of a folder in the order of their names.
        self._events = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"

    def add(self, stage: str, **values: object) -> None:
        """Append a line and show it; with an `epoch`, fractions become points of curves.

        Raises:
            DataError: names the file that cannot be written.
        """
        line = {"stage": stage, **values}
        _append(self._file, (json.dumps(line) + "\n").encode())
        tqdm.write("  ".join(f"{name} {value}" for name, value in line.items()))
        epoch = values.get("epoch")
        if isinstance(epoch, int):
            file = self._folder / _BOARDS / stage / self._events
            fractions = {name: value for name, value in values.items() if isinstance(value, float)}
            _append(file, points(epoch, fractions, begin=not file.exists()))

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


def _append(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())  # a power cut leaves no checkpoint of an epoch without a line
    except OSError as error:
        raise DataError(
            f"{file}: cannot be written: {error.strerror}; once it can, --resume goes on"
        ) from error


def _is_after(line: dict[str, Any], stage: str, epoch: int) -> bool:
    return bool(line["stage"] == stage and line.get("epoch", math.inf) > epoch)
