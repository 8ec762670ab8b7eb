"""Labels, a teacher, and classes of unequal size."""

import math

import numpy as np
import pytest
import torch

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import Finetune, Teach
from jcc_ros.training.supervision import Supervision, accuracy, divergence, log_prior

CPU = torch.device("cpu")


def test_log_prior_is_the_share_of_each_class(uneven):
    expected = [math.log(share) for share in (200 / 320, 100 / 320, 20 / 320)]
    assert log_prior(uneven).tolist() == pytest.approx(expected)


def test_divergence_is_nil_only_from_the_same_judgement():
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    assert divergence(logits, logits + 5, 2.0).item() == pytest.approx(0, abs=1e-6)
    assert divergence(logits, logits.flip(1), 2.0).item() > 0.1


def test_teacher_takes_its_share_of_the_loss(uneven):
    torch.manual_seed(0)
    logits, teacher, index = torch.randn(320, 3), torch.randn(320, 3), torch.arange(320)
    views = torch.rand(320, 3, 8, 8)

    def loss(share: float) -> float:
        stage = Finetune(epochs=1, teacher=share)
        supervision = Supervision(uneven, stage, CPU, lambda views, index: teacher[index])
        return supervision.loss(logits, index, views).item()

    alone = Supervision(uneven, Finetune(epochs=1), CPU).loss(logits, index, views).item()
    assert loss(0.0) == pytest.approx(alone)
    assert loss(1.0) == pytest.approx(divergence(logits, teacher, 2.0).item())
    assert loss(0.5) == pytest.approx((loss(0.0) + loss(1.0)) / 2)


def test_loss_of_a_batch_by_hand(uneven):
    """Some images in any order, of unequal classes, logits as mixed precision makes them."""
    torch.manual_seed(0)
    index, teacher = torch.randperm(320)[:50], torch.randn(320, 3)
    labels = torch.from_numpy(uneven.labels)[index]
    logits = (torch.randn(50, 3) + 3 * torch.nn.functional.one_hot(labels, 3)).bfloat16()
    stage = Finetune(epochs=1, teacher=0.25, temperature=3.0, label_smoothing=0.1)
    supervision = Supervision(uneven, stage, CPU, lambda views, index: teacher[index])
    found = supervision.loss(logits, index, torch.rand(50, 3, 8, 8))

    told = (logits.double() + torch.tensor([200.0, 100.0, 20.0]).double().log()).log_softmax(dim=1)
    from_labels = -(0.9 * told[torch.arange(50), labels] + 0.1 * told.mean(dim=1)).mean()
    ours, theirs = (
        (each / 3.0).log_softmax(dim=1) for each in (logits.double(), teacher[index].double())
    )
    from_teacher = 3.0**2 * (theirs.exp() * (theirs - ours)).sum(dim=1).mean()
    assert found.item() == pytest.approx(float(0.75 * from_labels + 0.25 * from_teacher), rel=1e-5)
    right = (logits.argmax(dim=1) == labels).double().mean()
    assert supervision.accuracy(logits, index).item() == pytest.approx(right.item())


def test_accuracy_counts_the_best_class(uneven):
    logits = torch.nn.functional.one_hot(torch.from_numpy(uneven.labels), 3).float()
    logits[:32] = torch.tensor([0.0, 0.0, 1.0])
    assert accuracy(logits, uneven) == pytest.approx(0.9)


def test_unequal_classes_are_learnt_as_equals(monkeypatch):
    """A linear classifier of digits, of which half the classes are eight times as frequent."""
    data = digits("train")
    rare = data.labels % 2 == 1
    kept = np.flatnonzero(~rare | (np.arange(len(data)) % 8 == 0))
    few = data.subset(kept)
    test = digits("test")

    def balanced_accuracy(adjusted: bool) -> float:
        if not adjusted:
            monkeypatch.setattr(
                "jcc_ros.training.supervision.log_prior", lambda data: torch.zeros(10)
            )
        torch.manual_seed(0)
        supervision = Supervision(few, Teach(epochs=1), CPU)
        layer = torch.nn.Linear(64, 10)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        pixels, index = _pixels(few), torch.arange(len(few))
        for _ in range(150):
            optimizer.zero_grad()
            supervision.loss(layer(pixels), index, pixels).backward()
            optimizer.step()
        with torch.no_grad():
            right = (layer(_pixels(test)).argmax(dim=1).numpy() == test.labels).astype(float)
        return float(np.mean([right[test.labels == label].mean() for label in range(10)]))

    assert balanced_accuracy(adjusted=True) > balanced_accuracy(adjusted=False) + 0.01


def _pixels(data: LabelledImages) -> torch.Tensor:
    return torch.from_numpy(data.images[:, 2::4, 2::4, 0].reshape(len(data), 64) / 255).float()
