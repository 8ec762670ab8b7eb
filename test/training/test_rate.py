"""The rate that training sees is the mass of a density, and what a coder would need."""

import math

import numpy as np
import pytest
import torch

from jcc_ros.training import rate
from jcc_ros.training.rate import RateModel, round_to_step


@pytest.mark.parametrize("value", [-4.0, -0.7, 0.0, 0.3, 1.0, 6.0])
@pytest.mark.parametrize("step", [0.1, 1.0, 4.0])
def test_bits_are_the_mass_of_a_bin(monkeypatch, value, step):
    monkeypatch.setattr(rate.torch, "rand_like", lambda x: torch.full_like(x, 0.5))  # no noise
    centre, scale = 0.4, 0.8
    model = RateModel((1, 1, 1))
    with torch.no_grad():
        model.centre.fill_(centre)
        model.log_scale.fill_(math.log(scale))
    bits = model(torch.full((1, 1, 1, 1), value), torch.full((1, 1, 1, 1), step)).item()

    x = np.linspace(value - step / 2, value + step / 2, 100_001)
    mass = step * np.mean(np.exp(-np.abs(x - centre) / scale) / (2 * scale))
    assert bits == pytest.approx(-np.log2(mass), abs=0.01)


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0])
def test_bits_agree_with_the_entropy_of_quantised_samples(step):
    torch.manual_seed(0)
    samples = torch.distributions.Laplace(0.0, 1.0).sample((200_000, 1, 1, 1))
    expected = RateModel((1, 1, 1))(samples, torch.full((1, 1, 1, 1), step)).mean().item()
    _, counts = torch.round(samples / step).unique(return_counts=True)
    share = counts / counts.sum()
    assert expected == pytest.approx(-(share * share.log2()).sum().item(), rel=0.03)


def test_density_learns_the_scale_of_its_element():
    torch.manual_seed(0)
    scales = torch.tensor([0.5, 4.0]).view(2, 1, 1)
    model = RateModel((2, 1, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        samples = torch.distributions.Laplace(torch.zeros(2, 1, 1), scales).sample((256,))
        optimizer.zero_grad()
        model(samples, torch.full((1, 1, 1, 1), 0.1)).mean().backward()
        optimizer.step()
    torch.testing.assert_close(model.log_scale.exp().detach(), scales, rtol=0.15, atol=0)


def test_far_values_cost_much_but_not_infinitely():
    bits = RateModel((1, 1, 1))(torch.full((1, 1, 1, 1), 1e6), torch.ones(1, 1, 1, 1))
    assert torch.isfinite(bits).all()
    assert bits.item() == pytest.approx(-math.log2(1e-9), rel=1e-3)


def test_rounding_lets_the_gradient_pass():
    latents = torch.tensor([0.2, 0.8, -1.3], requires_grad=True)
    sent = round_to_step(latents, torch.tensor(0.5))
    torch.testing.assert_close(sent, torch.tensor([0.0, 1.0, -1.5]))
    sent.sum().backward()
    torch.testing.assert_close(latents.grad, torch.ones(3))
