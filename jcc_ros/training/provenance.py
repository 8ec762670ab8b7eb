"""What a training depends on, and what a model file tells of how it was made."""

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.run import Run


def provenance(
    config: TrainConfig,
    data: LabelledImages,
    held: NDArray[np.int64],
    run: Run,
    command: str,
    before: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the story of a model, JSON values.

    Args:
        data: training and validation images together.
        held: indices of the validation images.
        command: that ran the last step; the run tells those that ran the others.
        before: commands that made what the training began with.
    """
    return {
        "command": command,
        "earlier": [*before, *(each for each in run.commands if each != command)],
        # What is measured stands beside the networks, not here.
        "configuration": config.model_dump(mode="json", exclude={"encoder": {"mean", "std"}}),
        "images": {"train": len(data) - len(held), "validation": len(held)},
        "data": {"sha256": data.sha256},
        "software": {"torch": torch.__version__, "python": platform.python_version()},
        "precision": "bfloat16" if run.bfloat16 else "float32",
        "processes": run.processes,
    }


def subject(config: TrainConfig, data: LabelledImages, **others: Any) -> dict[str, Any]:
    """Return what trained weights depend on, JSON values; calibration comes later and may change.

    Args:
        others: what they depend on besides.
    """
    later = {"calibrate", "about", "license"}
    return {
        "configuration": config.model_dump(mode="json", exclude=later),
        "data": {"classes": list(data.classes), "sha256": data.sha256},
        **others,
    }
