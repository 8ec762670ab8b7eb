"""One training's folder, device and log."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm


@dataclass(frozen=True)
class Run:
    """Where a training computes and where it leaves its traces.

    Attributes:
        folder: of checkpoints and log.jsonl.
        device: that computes.
        bfloat16: multiply in bfloat16 where autocast deems it safe.
    """

    folder: Path
    device: torch.device
    bfloat16: bool

    def autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def log(self, **values: object) -> None:
        """Append a line to log.jsonl and show it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a") as lines:
            lines.write(json.dumps(values) + "\n")
        tqdm.write("  ".join(f"{name} {value}" for name, value in values.items()))


def fast_bfloat16(device: torch.device) -> bool:
    """Say whether the device has matrix units for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
