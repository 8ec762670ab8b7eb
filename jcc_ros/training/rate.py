"""What sending a latent costs, as training sees it: noise instead of rounding, a smooth density."""

import torch
from torch import Tensor, nn

_LEAST_LIKELIHOOD = 1e-9  # bounds the cost of one element, as in CompressAI's entropy models


class RateModel(nn.Module):
    """A Laplace density for every latent element, with learned centre and scale.

    The rate of an element y sent with a step s is -log2 of the density's mass in a bin of width s
    around y plus uniform noise in +-s/2 (Balle et al., arXiv 1611.01704).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(shape))
        self.log_scale = nn.Parameter(torch.zeros(shape))

    def forward(self, latents: Tensor, step: Tensor) -> Tensor:
        """Return bits [N, C, H, W] of latents [N, C, H, W] sent with step [N, 1, 1, 1]."""
        noisy = latents + (torch.rand_like(latents) - 0.5) * step
        scale = self.log_scale.exp()
        # On the left of the centre, by symmetry: on its right the difference of two numbers near
        # one would lose all digits.
        distance = -(noisy - self.centre).abs()
        upper = _laplace_cdf((distance + step / 2) / scale)
        lower = _laplace_cdf((distance - step / 2) / scale)
        return -torch.log2((upper - lower).clamp_min(_LEAST_LIKELIHOOD))


def _laplace_cdf(x: Tensor) -> Tensor:
    return 0.5 - 0.5 * x.sign() * torch.expm1(-x.abs())


def round_to_step(latents: Tensor, step: Tensor) -> Tensor:
    """Quantise and dequantise; the gradient passes as if nothing had happened."""
    return latents + (torch.round(latents / step) * step - latents).detach()
