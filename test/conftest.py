"""What several rooms' tests share: the optional CIFAR-10 test images, and a tiny trained model."""

import copy
import importlib.util
import os
import signal
from pathlib import Path

import pytest

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.images import LabelledImages

ROOT = Path(__file__).resolve().parents[1]

# Where pytest runs in the background SIGINT may be ignored, and every process that it starts would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = {
    "name": "tiny",
    "data": "digits",
    "validation": 0.2,
    "precision": "float32",
    "encoder": {
        "input": {"height": 32, "width": 32},
        "channels": 4,
        "widths": [8, 12],
        "blocks": [0, 0],
    },
    "classifier": {"width": 16, "blocks": 1},
    "augment": {"shift": 0.1, "rotate": 10},
    "finetune": {"epochs": 1, "batch": 16, "learning_rate": 0.1, "average": 0.5},
    "calibrate": {"finest": 0.1, "coarsest": 2.0, "count": 5, "prefixes": [0.5, 1.0], "points": 4},
}


@pytest.fixture(scope="session")
def cifar10_test() -> LabelledImages:
    """The 10,000 CIFAR-10 test images from the folder JCC_DATA, by default ../shared/data."""
    folder = Path(os.environ.get("JCC_DATA") or ROOT.parent / "shared" / "data")
    loader = folder / "unpack.py"
    if not loader.is_file() or not any(folder.glob("cifar10_test_*.zip")):
        pytest.skip(f"no CIFAR-10 test images in {folder}; JCC_DATA names another folder")
    spec = importlib.util.spec_from_file_location("unpack", loader)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images, labels, classes = module.load("cifar10", "test", folder)
    return LabelledImages(images, labels, tuple(classes))


@pytest.fixture(scope="session")
def few_digits() -> LabelledImages:
    """400 digits, all classes."""
    return digits("train").sample(400, seed=0)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, few_digits: LabelledImages) -> Path:
    """Folder of a model that was really trained, for one epoch: quick and bad."""
    # Here, so that the tests of the codec run without torch.
    import torch

    from jcc_ros.training.config import TrainConfig
    from jcc_ros.training.run import Run
    from jcc_ros.training.train import train

    folder = tmp_path_factory.mktemp("tiny")
    run = Run(folder / "run", torch.device("cpu"), bfloat16=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same model for all workers
    train(TrainConfig.model_validate(TINY), few_digits, run, folder / "model", resume=False)
    torch.set_num_threads(threads)
    return folder / "model"


@pytest.fixture
def tiny_config() -> dict:
    """The configuration of `tiny_model` as a YAML page, free to be changed."""
    return copy.deepcopy(TINY)


@pytest.fixture
def one_thread():
    """Let torch compute on one thread, whatever the test does to that setting."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
