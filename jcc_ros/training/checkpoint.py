"""The state of a training on disk: safetensors, replaced as a whole, never half written."""

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from jcc_ros.training.run import RunError


def save(
    file: Path, modules: dict[str, nn.Module], optimizer: Optimizer, progress: dict[str, object]
) -> None:
    """Write modules, momenta and progress."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors.update({f"{name}.{key}": value for key, value in module.state_dict().items()})
    for index, state in optimizer.state_dict()["state"].items():
        tensors.update(
            {f"optimizer.{index}.{key}": v for key, v in state.items() if isinstance(v, Tensor)}
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    save_file(contiguous, partial, metadata={"progress": json.dumps(progress)})
    os.replace(partial, file)


def load(file: Path, modules: dict[str, nn.Module], optimizer: Optimizer) -> dict[str, object]:
    """Read a checkpoint into modules and optimizer; return the progress.

    Raises:
        RunError: the file is damaged.
    """
    tensors, progress = _read(file)
    for name, module in modules.items():
        prefix = f"{name}."
        module.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    return progress


def epochs(file: Path) -> int:
    """Return how many epochs a checkpoint stands for, 0 where there is none.

    Raises:
        RunError: the file is damaged.
    """
    return int(str(_read(file)[1]["epochs"])) if file.is_file() else 0


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    try:
        with safe_open(file, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            return tensors, json.loads(stored.metadata()["progress"])
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise RunError(f"{file}: no readable checkpoint: {error}") from error
