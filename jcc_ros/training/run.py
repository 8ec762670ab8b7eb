"""One training's folder, device, record and log."""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

_RECORD = "run.json"
_LOG = "log.jsonl"
_CHECKPOINT = "finetune.safetensors"


class RunError(ValueError):
    """A run's folder that holds something else than what is asked of it."""


@dataclass(frozen=True)
class Run:
    """Where a training computes and where it leaves its traces.

    Attributes:
        folder: of the checkpoint, log.jsonl, and run.json, which says what is being trained.
        device: that computes.
        bfloat16: multiply in bfloat16 where autocast deems it safe.
    """

    folder: Path
    device: torch.device
    bfloat16: bool

    def autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    @property
    def checkpoint(self) -> Path:
        """File of the last finished epoch."""
        return self.folder / _CHECKPOINT

    def unfinished(self) -> bool:
        """Say whether the folder holds a training that has not ended in model files."""
        return self.checkpoint.is_file() and not self._record().get("finished", False)

    def begin(self, subject: dict[str, Any], resume: bool) -> None:
        """Record what is trained; forget an earlier training, or make sure it is the same.

        Args:
            subject: JSON values that a resumed training must share with the interrupted one.
        Raises:
            RunError: names the first value that differs from the interrupted training's.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if resume and self.checkpoint.is_file():
            # A checkpoint without a record is taken at its word.
            earlier = self._record().get("subject", subject)
            for key, there, here in _differences(earlier, subject):
                raise RunError(
                    f"{self.folder}: the training began with {key} {there}, now it is {here}; "
                    "resume it with what it began with, or start anew"
                )
        else:
            self.checkpoint.unlink(missing_ok=True)
            (self.folder / _LOG).unlink(missing_ok=True)
        self._write_record({"finished": False, "subject": subject})

    def finish(self) -> None:
        """Record that the model files are written."""
        self._write_record({**self._record(), "finished": True})

    def log(self, **values: object) -> None:
        """Append a line to log.jsonl and show it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOG).open("a") as lines:
            lines.write(json.dumps(values) + "\n")
        tqdm.write("  ".join(f"{name} {value}" for name, value in values.items()))

    def rewind_log(self, stage: str, epoch: int) -> None:
        """Drop what was logged after the end of an epoch."""
        file = self.folder / _LOG
        lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
        start = f'{{"stage": "{stage}", "epoch": {epoch},'
        ends = [index for index, line in enumerate(lines) if line.startswith(start)]
        if ends:
            file.write_text("".join(lines[: ends[-1] + 1]))

    def _record(self) -> dict[str, Any]:
        file = self.folder / _RECORD
        try:
            return json.loads(file.read_text()) if file.is_file() else {}
        except ValueError as error:
            raise RunError(f"{file}: {error}") from error

    def _write_record(self, record: dict[str, Any]) -> None:
        file = self.folder / _RECORD
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(partial, file)


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
