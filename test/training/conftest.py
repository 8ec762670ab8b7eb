"""What the tests of training share."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from variants import ALL_STEPS, FAST, Trainings

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.run import Run


@pytest.fixture
def trainings(tmp_path, tiny_config, few_digits, one_thread) -> Trainings:
    """Of finetune and calibrate."""
    tiny_config["finetune"]["epochs"] = 3
    return Trainings(tmp_path, tiny_config, few_digits)


@pytest.fixture
def steps(tmp_path, tiny_config, few_digits, one_thread) -> Trainings:
    """Of all steps."""
    page = {**tiny_config, **deepcopy(ALL_STEPS), "finetune": {"epochs": 2, **FAST}}
    return Trainings(tmp_path, page, few_digits)


@pytest.fixture
def run(tmp_path) -> Run:
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run", torch.device("cpu"), bfloat16=False)


@pytest.fixture
def uneven() -> LabelledImages:
    """Classes of 200, 100 and 20 images; every image's pixels tell its index."""
    labels = np.repeat([0, 1, 2], [200, 100, 20])
    images = np.zeros((len(labels), 8, 8, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(320) % 256, np.arange(320) // 256
    return LabelledImages(images, labels, ("many", "some", "few"))
