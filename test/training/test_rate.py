"""The rate that training sees is the mass of a density, and what a coder would need."""

import math

import numpy as np
import pytest
import torch

from jcc_ros.training import rate
from jcc_ros.training.rate import RateModel, round_to_step


@pytest.mark.parametrize("value", [-12.0, -4.0, -0.7, 0.0, 0.3, 1.0, 6.0])
@pytest.mark.parametrize("step", [0.1, 1.0, 4.0])
def test_bits_are_the_mass_of_a_bin(monkeypatch, value, step):
    monkeypatch.setattr(rate.torch, "rand_like", lambda x: torch.full_like(x, 0.5))  # no noise
    centre, scale = 0.4, 0.8
    model = RateModel((1, 1, 1), 2).eval()
    model.centre[1], model.scale[1] = centre, scale
    label = torch.tensor([1])
    bits = model(torch.full((1, 1, 1, 1), value), torch.full((1, 1, 1, 1), step), label).item()

    x = np.linspace(value - step / 2, value + step / 2, 100_001)
    mass = step * np.mean(np.exp(-np.abs(x - centre) / scale) / (2 * scale))
    assert bits == pytest.approx(-np.log2(mass), abs=0.01)


def test_noise_is_as_wide_as_a_bin():
    torch.manual_seed(0)
    model = RateModel((1, 1, 1), 1).eval()
    bits = model(torch.zeros(5000, 1, 1, 1), torch.tensor(2.0), torch.zeros(5000).long())
    # Bins of width 2 whose middle is 0 or 1 of the scale away from the centre.
    least, most = -math.log2(1 - math.exp(-1)), -math.log2(0.5 - 0.5 * math.exp(-2))
    assert bits.min().item() == pytest.approx(least, abs=0.01)
    assert bits.max().item() == pytest.approx(most, abs=0.01)


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0])
def test_bits_agree_with_the_entropy_of_quantised_samples(step):
    torch.manual_seed(0)
    samples = torch.distributions.Laplace(0.0, 1.0).sample((200_000, 1, 1, 1))
    model = RateModel((1, 1, 1), 1).eval()
    labels = torch.zeros(len(samples), dtype=torch.int64)
    expected = model(samples, torch.full((1, 1, 1, 1), step), labels).mean().item()
    _, counts = torch.round(samples / step).unique(return_counts=True)
    share = counts / counts.sum()
    assert expected == pytest.approx(-(share * share.log2()).sum().item(), rel=0.03)


def test_density_follows_every_element_of_every_class():
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 3.0], [-2.0, 1.0]]).view(2, 2, 1, 1)
    scales = torch.tensor([[0.5, 4.0], [1.0, 2.0]]).view(2, 2, 1, 1)
    model = RateModel((2, 1, 1), 2)
    for _ in range(100):
        labels = torch.randint(2, (256,))
        samples = torch.distributions.Laplace(centres[labels], scales[labels]).sample()
        model(samples, torch.ones(256, 1, 1, 1), labels)
    torch.testing.assert_close(model.centre, centres, rtol=0, atol=0.8)
    torch.testing.assert_close(model.scale, scales, rtol=0.2, atol=0)


def test_a_class_that_does_not_occur_keeps_its_density():
    model = RateModel((1, 1, 1), 3)
    model(torch.full((8, 1, 1, 1), 5.0), torch.ones(8, 1, 1, 1), torch.full((8,), 1))
    assert model.centre.flatten().tolist() == [0.0, pytest.approx(0.196, abs=0.01), 0.0]
    assert model.scale[0] == model.scale[2] == 1.0


def test_in_evaluation_nothing_is_learned():
    model = RateModel((1, 1, 1), 1).eval()
    model(torch.full((8, 1, 1, 1), 5.0), torch.ones(8, 1, 1, 1), torch.zeros(8, dtype=torch.int64))
    assert model.centre.item() == 0.0


def test_a_latent_that_never_changes_costs_nothing():
    model = RateModel((1, 1, 1), 1)
    same, step, labels = torch.full((64, 1, 1, 1), 1.5), torch.ones(64, 1, 1, 1), torch.zeros(64)
    for _ in range(300):
        bits = model(same, step, labels.long())
    assert bits.mean() < 0.2


def test_far_values_cost_much_but_not_infinitely():
    model = RateModel((1, 1, 1), 1).eval()
    bits = model(torch.full((1, 1, 1, 1), 1e6), torch.ones(1, 1, 1, 1), torch.tensor([0]))
    assert torch.isfinite(bits).all()
    assert bits.item() == pytest.approx(-math.log2(1e-9), rel=1e-3)


def test_rounding_lets_the_gradient_pass():
    latents = torch.tensor([0.2, 0.8, -1.3], requires_grad=True)
    sent = round_to_step(latents, torch.tensor(0.5))
    torch.testing.assert_close(sent, torch.tensor([0.0, 1.0, -1.5]))
    sent.sum().backward()
    torch.testing.assert_close(latents.grad, torch.ones(3))
