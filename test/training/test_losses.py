"""The coding rates are those of the formulas, on any classes; nothing becomes no number."""

import math

import numpy as np
import pytest
import torch

from jcc_ros.training.losses import (
    EPSILON2,
    class_coding_rate,
    coding_rate,
    effective_rank,
    unit,
    view_distance,
)


def features_of(count: int, size: int, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return unit(torch.randn(count, size))


def naive_rate(z: np.ndarray) -> float:
    """R of columns z [d, m], equation 7, in double precision."""
    d, m = z.shape
    return 0.5 * np.linalg.slogdet(np.eye(d) + d / (m * EPSILON2) * z @ z.T)[1]


def naive_class_rate(z: np.ndarray, labels: np.ndarray) -> float:
    """Rc, equation 8, class by class."""
    m = z.shape[1]
    total = 0.0
    for label in set(labels.tolist()):
        own = z[:, labels == label]
        total += own.shape[1] / m * naive_rate(own)
    return total


CASES = {
    "equal classes": np.repeat(np.arange(10), 12),
    "unequal classes": np.repeat(np.arange(4), [1, 50, 3, 80]),
    "missing classes": np.repeat([0, 3, 9], 30),
    "one class": np.zeros(40, np.int64),
    "100 classes": np.random.default_rng(0).integers(0, 100, 700),
}


@pytest.mark.parametrize("labels", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("size", [8, 200])
def test_rates_are_those_of_the_formulas(labels, size):
    features = features_of(len(labels), size)
    order = np.random.default_rng(1).permutation(len(labels))
    z, labels = features.double().numpy().T, labels[order]
    assert coding_rate(features).item() == pytest.approx(naive_rate(z), rel=1e-4)
    rate = class_coding_rate(features, torch.from_numpy(labels))
    assert rate.item() == pytest.approx(naive_class_rate(z, labels), rel=1e-4)


def test_features_have_length_one_in_single_precision():
    latents = 100 * torch.randn(5, 4, 2, 2, dtype=torch.float64)
    for kind in (torch.bfloat16, torch.float32):
        features = unit(latents.to(kind))
        assert (features.shape, features.dtype) == ((5, 16), torch.float32)
        torch.testing.assert_close(features.norm(dim=1), torch.ones(5))


@pytest.mark.parametrize("latents", ["random", "zero", "equal"])
def test_gradients_are_finite(latents):
    torch.manual_seed(0)
    z = {"random": torch.randn(60, 4, 2, 2), "zero": torch.zeros(60, 4, 2, 2)}.get(
        latents, torch.ones(60, 4, 2, 2)
    )
    z.requires_grad_()
    features = unit(z)
    loss = class_coding_rate(features, torch.arange(60) % 7) - coding_rate(features)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


def test_rates_are_single_precision_under_autocast():
    features = features_of(64, 16)
    labels = torch.arange(64) % 4
    exact = coding_rate(features), class_coding_rate(features, labels)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = coding_rate(features), class_coding_rate(features, labels)
    assert exact == mixed


def test_reduction_is_large_for_orthogonal_classes_and_nil_for_one_direction():
    apart = torch.eye(4).repeat_interleave(10, dim=0)
    labels = torch.arange(4).repeat_interleave(10)
    together = torch.eye(4)[:1].repeat(40, 1)

    def reduction(features: torch.Tensor) -> float:
        return (coding_rate(features) - class_coding_rate(features, labels)).item()

    assert reduction(apart) > 1
    assert reduction(together) == pytest.approx(0, abs=1e-6)


def test_no_number_comes_out_as_none():
    assert math.isnan(coding_rate(torch.full((8, 4), torch.nan)).item())


def test_view_distance():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert view_distance(first, first).item() == 0
    assert view_distance(first, -first).item() == pytest.approx(4)
    assert view_distance(first, first.flip(0)).item() == pytest.approx(2)


def test_effective_rank_of_known_matrices():
    assert effective_rank(torch.eye(6)) == pytest.approx(6, rel=1e-5)
    assert effective_rank(torch.ones(9, 6)) == pytest.approx(1, rel=1e-3)
    # Singular values 3 and 1: entropy of the shares 3/4 and 1/4.
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    found = effective_rank(torch.diag(torch.tensor([3.0, 1.0, 0.0])))
    assert found == pytest.approx(math.exp(entropy), rel=1e-5)
