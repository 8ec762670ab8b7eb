"""What a step has reached, on disk: safetensors, replaced as a whole, never half written."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor, nn
from torch.optim import Optimizer

from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.writing import write_whole
from jcc_ros.training.config import Schedule
from jcc_ros.training.errors import RunError
from jcc_ros.training.record import Record
from jcc_ros.training.run import Run

Progress = dict[str, Any]
_OPTIMIZER = "optimizer"


def save(
    file: Path,
    modules: Mapping[str, nn.Module],
    progress: Progress,
    optimizer: Optimizer | None = None,
) -> None:
    """Write modules, progress (JSON values), and the momenta of an optimizer.

    Raises:
        DataError: names the file that cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors.update({f"{name}.{key}": value for key, value in module.state_dict().items()})
    momenta = optimizer.state_dict()["state"] if optimizer else {}
    for index, state in momenta.items():
        tensors.update(
            {f"{_OPTIMIZER}.{index}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        )
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    # Not save_file: to it a full disk is no OSError.
    content = serialised(contiguous, metadata={"progress": json.dumps(progress)})
    try:
        write_whole(file, content, lasting=True)
    except DataError as error:
        raise DataError(f"{error}; put that right, then continue with --resume") from error


def load(
    file: Path, modules: Mapping[str, nn.Module], optimizer: Optimizer | None = None
) -> Progress:
    """Read a checkpoint into modules and optimizer; return the progress.

    Raises:
        RunError: the file is damaged, or of other modules.
    """
    with _opened(file) as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    for name, module in modules.items():
        prefix = f"{name}."
        weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        try:
            module.load_state_dict(weights)
        except RuntimeError as error:
            raise RunError(f"{file}: the checkpoint of a different network: {error}") from error
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(f"{_OPTIMIZER}."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    if optimizer:
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return read_progress(file)


def read_progress(file: Path) -> Progress:
    """Return the progress that a checkpoint stands for; none where there is no file.

    Raises:
        RunError: the file is damaged.
    """
    if not file.is_file():
        return {}
    with _opened(file) as stored:
        return json.loads(stored.metadata()["progress"])


def finished(run: Run, step: str, stage: object) -> bool:
    """Say whether a step, whose section of the configuration is given, has done its work."""
    reached = read_progress(run.checkpoint(step))
    return reached.get("epochs") == stage.epochs if isinstance(stage, Schedule) else bool(reached)


def interrupted(run: Run, steps: Sequence[str]) -> str | None:
    """Return the first of some steps that stopped before its last epoch, None if there is none."""
    record = Record.read(run.folder)
    begun = record.subject.configuration if record else {}
    for step in steps:
        reached, whole = read_progress(run.checkpoint(step)).get("epochs"), begun.get(step) or {}
        if reached is not None and reached < whole.get("epochs", 0):
            return step
    return None


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        with safe_open(file, framework="pt") as stored:
            yield stored
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise RunError(
            f"{file}: not a readable checkpoint ({error}); delete it: --resume repeats the step"
        ) from error
