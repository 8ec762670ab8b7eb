"""One training's folder, and where it computes."""

import fcntl
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import distributed, nn

from jcc_ros.datasets.writing import write_whole
from jcc_ros.training.config import STEPS
from jcc_ros.training.errors import RunError
from jcc_ros.training.log import Log
from jcc_ros.training.record import Record

_log = logging.getLogger(__name__)

_LOCK = "lock"  # held by the training that writes; the file stays
_STEPS = (*STEPS, "refit")
_RESULTS = ("screen.json", "screen.png", "validation.txt")  # beside checkpoints and log


class Lent(NamedTuple):
    """What a step has reached in another training.

    Attributes:
        checkpoint: content of its file.
        command: that ran the step, None if that is not known.
    """

    checkpoint: bytes
    command: str | None


@dataclass
class Run:
    """Where a training computes and where it leaves its traces.

    Attributes:
        folder: of checkpoints, logs, and run.json, which says what is being trained.
        device: that computes.
        bfloat16: multiply in bfloat16 where autocast deems it safe.
        rank, processes: this process and how many share the work; only the first one writes.
        recorded: what is trained stands in run.json; before, that is what was trained last.
    """

    folder: Path
    device: torch.device
    bfloat16: bool
    rank: int = 0
    processes: int = 1
    recorded: bool = field(default=False, init=False)

    @cached_property
    def log(self) -> Log:
        """What is written down as the training goes."""
        return Log(self.folder)

    def autocast(self) -> AbstractContextManager[None]:
        """Return a context that multiplies in bfloat16 where that is asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other training out of the folder.

        Raises:
            RunError: there is one.
        """
        if not self.first:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunError(
                    f"{self.folder}: a training is running there; "
                    "wait until it ends, or give --runs another folder"
                ) from error
            except OSError:
                pass  # a cluster's file system without locks must not prevent a training
            yield

    def checkpoint(self, step: str) -> Path:
        """File of what a step has reached."""
        return self.folder / f"{step}.safetensors"

    def begun(self) -> bool:
        """Say whether the folder holds what a step has reached."""
        return any(self.checkpoint(step).is_file() for step in _STEPS)

    def unfinished(self) -> bool:
        """Say whether the folder holds a training that has not ended in model files."""
        record = self._record
        return self.begun() and not (record and record.finished)

    @property
    def commands(self) -> list[str]:
        """The commands that ran the steps, in the steps' order, each of them once."""
        ran = self._commands
        return list(dict.fromkeys(ran[step] for step in STEPS if ran.get(step)))

    def begin(
        self, subject: dict[str, Any], resume: bool, commands: Mapping[str, str] | None = None
    ) -> None:
        """Record what is trained; forget an earlier training, or make sure it is the same.

        Args:
            subject: JSON values that a resumed training must share with the interrupted one, as it
                must the number of processes, which draw their views each for itself.
            commands: that runs it, by steps; of those that ran before, the earlier one stays.
        Raises:
            RunError: names the first value that differs from the interrupted training's.
        """
        subject = {**subject, "processes": self.processes}
        fresh = not (resume and self.begun())
        if not fresh:
            self._compare(subject)
            self._warn_of_another_place()
        earlier = {} if fresh else self._commands
        ran = {**(commands or {}), **earlier}
        self._write(subject, ran, self._forget if fresh else None)

    def repeat(
        self,
        subject: dict[str, Any],
        steps: Sequence[str],
        keep: bool,
        commands: Mapping[str, str],
        sections: Sequence[str] = (),
    ) -> None:
        """Record what is trained; run the given steps again, whose settings may have changed.

        Args:
            keep: go on from the steps' checkpoints instead; then nothing may have changed.
            commands: as for `begin`.
            sections: of the configuration that may have changed, too.
        Raises:
            RunError: names the first value that differs and must not.
        """
        subject = {**subject, "processes": self.processes}
        self._compare(subject, () if keep else (*steps, *sections, "processes"))
        if keep:
            self._warn_of_another_place()

        def forget() -> None:
            for step in steps:
                self.checkpoint(step).unlink(missing_ok=True)
                self.log.rewind(step)

        earlier = {k: v for k, v in self._commands.items() if keep or k not in steps}
        self._write(subject, {**commands, **earlier}, None if keep else forget)

    def lend(self, step: str, subject: dict[str, Any], sections: Sequence[str]) -> Lent:
        """Return what a step has reached, for another training.

        Args:
            subject: of the other training.
            sections: of the configuration, on which the step depends; they must be the same there.
        Raises:
            RunError: names the first value that differs, or what is missing.
        """
        if not self.folder.is_dir():
            raise RunError(
                f"{self.folder}: no such folder; give that of the run whose {step} is to be reused"
            )
        file = self.checkpoint(step)
        if not file.is_file():
            raise RunError(
                f"{self.folder}: no checkpoint of {step}; run that step there first, with "
                f"--only {step}"
            )
        record = self._record
        for difference in record.differences(subject) if record else ():
            if difference.key.startswith("data.") or difference.section in sections:
                raise RunError(
                    f"{self.folder}: {step} ran there with {difference.key} {difference.there}, "
                    f"but here it is {difference.here}; both have to be the same"
                )
        return Lent(file.read_bytes(), self._commands.get(step))

    def take(self, step: str, lent: Lent) -> None:
        """Let a step be what another training lends."""
        if self.first:
            write_whole(self.checkpoint(step), lent.checkpoint, lasting=True)
            self.log.rewind(step)  # of one of its own that was unfinished
            record = self._record
            if record and lent.command:
                commands = {**record.commands, step: lent.command}
                record.model_copy(update={"commands": commands}).write(self.folder)
        self.wait_for_all()

    def finish(self) -> None:
        """Record that the model files are written."""
        record = self._record
        if record:
            record.model_copy(update={"finished": True}).write(self.folder)

    def wait_for_all(self) -> None:
        """Wait until every process of this training is here."""
        if self.processes > 1:
            distributed.barrier()

    def agree(self, module: nn.Module) -> None:
        """Give every process the first one's weights and statistics."""
        if self.processes > 1:
            for tensor in module.state_dict().values():
                shared = tensor.contiguous()
                distributed.broadcast(shared, 0)
                tensor.copy_(shared)

    def _forget(self) -> None:
        # By name: the folder may be that of a model, whose files are no checkpoints.
        for file in (*map(self.checkpoint, _STEPS), *(self.folder / name for name in _RESULTS)):
            file.unlink(missing_ok=True)
        self.log.clear()

    @property
    def _record(self) -> Record | None:
        return Record.read(self.folder)

    @property
    def _commands(self) -> dict[str, str]:
        record = self._record
        return record.commands if record else {}

    def _compare(self, subject: dict[str, Any], ignored: Sequence[str] = ()) -> None:
        record = self._record
        # A checkpoint without a record is taken at its word.
        for difference in record.differences(subject) if record else ():
            if difference.key not in ignored and difference.section not in ignored:
                raise RunError(
                    f"{self.folder}: the training began with {difference.key} "
                    f"{difference.there}, but now it is {difference.here}; change it back, or "
                    "start afresh with --restart instead of --resume or --only"
                )

    def _write(
        self,
        subject: dict[str, Any],
        commands: Mapping[str, str],
        forget: Callable[[], None] | None,
    ) -> None:
        # Every process has compared before the first one writes, and none reads what it writes now.
        self.wait_for_all()
        if self.first:
            if forget:
                forget()
            told = {"place": self._place, "commands": commands, "subject": subject}
            Record.model_validate(told).write(self.folder)
        self.recorded = True
        self.wait_for_all()

    @property
    def _place(self) -> str:
        return f"{'bfloat16' if self.bfloat16 else 'float32'} on {self.device.type}"

    def _warn_of_another_place(self) -> None:
        record = self._record
        before = record.place if record else ""
        if self.first and before not in ("", self._place):
            _log.warning(
                "%s: the training began in %s and continues in %s; the result will be close to "
                "that of either one, but not the same",
                *(self.folder, before, self._place),
            )
