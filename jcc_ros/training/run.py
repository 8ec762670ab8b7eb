"""One training's folder, device, record and log."""

import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

_RECORD = "run.json"
_LOG = "log.jsonl"
_BOARD = "tensorboard"


class RunError(ValueError):
    """A run's folder that holds something else than what is asked of it."""


@dataclass(frozen=True)
class Run:
    """Where a training computes and where it leaves its traces.

    Attributes:
        folder: of checkpoints, log.jsonl, TensorBoard's events, and run.json, which says what is
            being trained.
        device: that computes.
        bfloat16: multiply in bfloat16 where autocast deems it safe.
        rank, processes: this process and how many share the work; only the first one writes.
    """

    folder: Path
    device: torch.device
    bfloat16: bool
    rank: int = 0
    processes: int = 1

    def autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def checkpoint(self, step: str) -> Path:
        """File of a step's last finished epoch."""
        return self.folder / f"{step}.safetensors"

    def unfinished(self) -> bool:
        """Say whether the folder holds a training that has not ended in model files."""
        return self._checkpoints() != [] and not self._record().get("finished", False)

    def begin(self, subject: dict[str, Any], resume: bool) -> None:
        """Record what is trained; forget an earlier training, or make sure it is the same.

        Args:
            subject: JSON values that a resumed training must share with the interrupted one.
        Raises:
            RunError: names the first value that differs from the interrupted training's.
        """
        if resume and self._checkpoints():
            self._compare(subject)
        elif self.first:
            self.forget()
        self.wait_for_all()
        if self.first:
            self._write_record({"finished": False, "subject": subject})

    def repeat(self, subject: dict[str, Any], steps: Sequence[str], keep: bool) -> None:
        """Record what is trained; run the given steps again, whose settings may have changed.

        Args:
            keep: go on from the steps' checkpoints instead; then nothing may have changed.
        Raises:
            RunError: names the first value that differs and must not.
        """
        self._compare(subject, () if keep else steps)
        if self.first:
            for step in () if keep else steps:
                self.checkpoint(step).unlink(missing_ok=True)
                self.rewind_log(step)
            self._write_record({"finished": False, "subject": subject})
        self.wait_for_all()

    def forget(self) -> None:
        """Remove what an earlier training left."""
        for file in [*self._checkpoints(), self.folder / _LOG]:
            file.unlink(missing_ok=True)
        shutil.rmtree(self.folder / _BOARD, ignore_errors=True)

    def finish(self) -> None:
        """Record that the model files are written."""
        self._write_record({**self._record(), "finished": True})

    def wait_for_all(self) -> None:
        """Wait until every process of this training is here."""
        if self.processes > 1:
            torch.distributed.barrier()

    def log(self, **values: object) -> None:
        """Append a line to log.jsonl and to TensorBoard, and show it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOG).open("a") as lines:
            lines.write(json.dumps(values) + "\n")
        tqdm.write("  ".join(f"{name} {value}" for name, value in values.items()))
        epoch = values.get("epoch")
        if isinstance(epoch, int):
            for name, value in values.items():
                if isinstance(value, float):
                    self._board.add_scalar(f"{values['stage']}/{name}", value, epoch)
            self._board.flush()

    @cached_property
    def _board(self) -> SummaryWriter:
        return SummaryWriter(self.folder / _BOARD)

    def _checkpoints(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    def _compare(self, subject: dict[str, Any], ignored: Sequence[str] = ()) -> None:
        # A checkpoint without a record is taken at its word.
        earlier = self._record().get("subject", subject)
        for key, there, here in _differences(
            _without(earlier, ignored), _without(subject, ignored)
        ):
            raise RunError(
                f"{self.folder}: the training began with {key} {there}, now it is {here}; "
                "resume it with what it began with, or start anew"
            )

    def rewind_log(self, stage: str, epoch: int = 0) -> None:
        """Drop what was logged of a stage after the end of an epoch."""
        file = self.folder / _LOG
        lines = file.read_text().splitlines(keepends=True) if file.is_file() else []

        def holds(line: dict[str, Any]) -> bool:
            return line["stage"] != stage or line.get("epoch", math.inf) <= epoch

        file.write_text("".join(line for line in lines if holds(json.loads(line))))

    def _record(self) -> dict[str, Any]:
        file = self.folder / _RECORD
        try:
            return json.loads(file.read_text()) if file.is_file() else {}
        except ValueError as error:
            raise RunError(f"{file}: {error}") from error

    def _write_record(self, record: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / _RECORD
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(partial, file)


def _without(subject: dict[str, Any], steps: Sequence[str]) -> dict[str, Any]:
    """Return the subject without the configuration of some steps."""
    configuration = subject["configuration"]
    kept = {key: value for key, value in configuration.items() if key not in steps}
    return {**subject, "configuration": kept}


def _differences(there: Any, here: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted key, value there, value here) of the leaves that differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted(there.keys() | here.keys()):
            yield from _differences(there.get(name), here.get(name), f"{key}.{name}".lstrip("."))
    elif there != here:
        yield key, there, here


def fast_bfloat16(device: torch.device) -> bool:
    """Say whether the device has matrix units for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)  # older torch cannot tell
    return bool(capabilities().get("amx_bf16", False))
