"""Step 1 raises the rate reduction, and notices when nothing is left to tell classes apart."""

from itertools import combinations

import numpy as np
import pytest
import torch

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training import represent as module
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.represent import represent
from jcc_ros.training.split import split


@pytest.fixture
def given(tiny_config, few_digits, run, one_thread):
    stage = {"epochs": 12, "batch": 64, "learning_rate": 0.1, "channels": 6, "average": 0.5}
    config = TrainConfig.model_validate({**tiny_config, "represent": stage})
    learn, held = (few_digits.subset(indices) for indices in split(few_digits, 0.2))
    torch.manual_seed(0)
    return config.encoder, learn, held, config, config.represent, run


def above_chance(measured: dict[str, float]) -> float:
    return measured["validation_reduction"] - measured["chance_reduction"]


def test_reduction_rises_above_chance(given):
    encoder = represent(*given)
    objective = module.Representation(Encoder(encoder.config).eval(), *given[1:])
    before = above_chance(objective.validate(objective.module))
    assert above_chance(objective.validate(encoder)) > before + 0.5
    assert encoder.config.channels == 6
    assert not encoder.training


def objective_of(given, **changes) -> module.Representation:
    shape, learn, held, config, stage, run = given
    wide = shape.model_copy(update={"channels": stage.channels})
    stage = stage.model_copy(update=changes)
    return module.Representation(Encoder(wide), learn, held, config, stage, run)


def test_batches_hold_enough_views_of_each_class(given):
    labels = torch.from_numpy(given[1].labels)
    objective = objective_of(given, batch=64)  # 128 views, of 24 elements
    torch.manual_seed(0)
    batches = objective.draw(len(labels), len(labels) // 64, torch.device("cpu"))
    assert torch.equal(torch.cat(list(batches)).sort().values, torch.arange(len(labels)))
    assert all(64 <= len(batch) <= 64 + 1 + len(labels) % 64 for batch in batches)
    present = [len(labels[batch].unique()) for batch in batches]
    # 3 groups, of 3 or 4 classes with about 36 views each; a batch may be of two groups.
    assert 3 <= min(present) <= 4
    assert max(present) <= 2 * 4


def test_classes_meet_other_ones_within_an_epoch(given):
    labels = torch.from_numpy(given[1].labels)
    objective = objective_of(given, batch=16)  # two classes in a batch
    torch.manual_seed(0)
    met = set()
    for batch in objective.draw(len(labels), len(labels) // 16, torch.device("cpu")):
        counts = labels[batch].bincount(minlength=10)
        met |= set(combinations((counts >= len(batch) / 4).nonzero().flatten().tolist(), 2))
    assert len(met) > 2 * 5  # pairs; five are all there are if classes are grouped once


def test_large_batches_are_drawn_from_all_classes(given):
    labels = torch.from_numpy(given[1].labels)
    objective = objective_of(given, batch=len(labels) // 4, channels=1)
    batches = objective.draw(len(labels), 4, torch.device("cpu"))
    assert len(batches) == 4
    for batch in batches:
        assert len(labels[batch].unique()) == len(given[1].classes)


def test_too_small_batches_are_told(given, caplog):
    objective_of(given, batch=20)
    assert "represent.batch 20: a process has 20 views of a class" in caplog.text


class Constant(Encoder):
    """Sees nothing."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) * 0 + 1


def test_collapse_is_noticed(given, monkeypatch):
    monkeypatch.setattr(module, "Encoder", Constant)
    with pytest.raises(RunError, match=r"collapsed.*effective rank is 1\.0.*represent\.invariance"):
        represent(*given)


def test_few_validation_images_are_no_collapse(given, few_digits):
    shape, _, _, config, stage, run = given
    few = np.concatenate([np.flatnonzero(few_digits.labels == label)[:12] for label in (0, 1)])
    data = LabelledImages(few_digits.images[few], few_digits.labels[few], ("0", "1"))
    learn, held = (data.subset(indices) for indices in split(data, 0.1))
    assert len(held) == 2
    represent(shape, learn, held, config, stage, run)


def test_divergence_is_noticed(given, monkeypatch):
    class Broken(Encoder):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) * torch.nan

    monkeypatch.setattr(module, "Encoder", Broken)
    with pytest.raises(RunError, match=r"represent diverged.*represent\.learning_rate"):
        represent(*given)
