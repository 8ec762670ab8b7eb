"""What sending a latent costs, as training sees it: noise instead of rounding, a smooth density."""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from jcc_ros.training.processes import summed

# An element costs 30 bits at most, as in CompressAI's entropy models. Unlike theirs, the bound
# passes no gradient on: beyond about 20 scales the rate draws no element back to its centre.
_LEAST_LIKELIHOOD = 1e-9
_LEAST_SCALE = 0.02  # far below the steps of a ladder: an element that never changes costs nothing
_PACE = 0.005  # weight of a new image in the running statistics of its class


class RateModel(nn.Module):
    """A Laplace density for every latent element in every class.

    The rate of an element y sent with a step s is -log2 of the density's mass in a bin of width s
    around y plus uniform noise in +-s/2 (Balle et al., arXiv 1611.01704). That the class is known
    stands for the component that an entropy table names first: whatever makes the latents of one
    class alike saves bits, which is the compactness within classes of MCR2.

    Centres and scales are running statistics, the maximum likelihood estimates of a Laplace density
    but for the mean in place of the median. Trained by gradients, those of a rare class would
    follow too slowly.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(classes, *shape))
        self.register_buffer("scale", torch.ones(classes, *shape))

    def forward(self, latents: Tensor, step: Tensor, labels: Tensor) -> Tensor:
        """Return bits [N, C, H, W] of latents [N, C, H, W] sent with step [N, 1, 1, 1].

        Args:
            labels: class of each image, [N].
        """
        if self.training:
            self._follow(latents.detach(), labels)
        noisy = latents + (torch.rand_like(latents) - 0.5) * step
        scale = self.scale[labels]
        # On the left of the centre, by symmetry: on its right the difference of two numbers near
        # one would lose all digits.
        distance = -(noisy - self.centre[labels]).abs()
        upper = _laplace_cdf((distance + step / 2) / scale)
        lower = _laplace_cdf((distance - step / 2) / scale)
        return -torch.log2((upper - lower).clamp_min(_LEAST_LIKELIHOOD))

    @torch.no_grad()
    def _follow(self, latents: Tensor, labels: Tensor) -> None:
        """Move the statistics of each class towards those of its latents in this batch.

        Of all processes: what the first one has seen would hold for all.
        """
        member = one_hot(labels, len(self.centre)).float().mT
        counts = summed(member.sum(dim=1)).view(-1, 1, 1, 1)
        weight = 1 - (1 - _PACE) ** counts

        def class_means(values: Tensor) -> Tensor:
            totals = summed(member @ values.flatten(1))
            return totals.view_as(self.centre) / counts.clamp_min(1)

        self.centre.lerp_(class_means(latents), weight)
        deviation = class_means((latents - self.centre[labels]).abs())
        self.scale.lerp_(deviation, weight).clamp_min_(_LEAST_SCALE)


def _laplace_cdf(x: Tensor) -> Tensor:
    tail = 0.5 * torch.exp(-x.abs())
    return torch.where(x < 0, tail, 1 - tail)


def round_to_step(latents: Tensor, step: Tensor) -> Tensor:
    """Quantise and dequantise; the gradient passes as if nothing had happened."""
    return latents + (torch.round(latents / step) * step - latents).detach()
