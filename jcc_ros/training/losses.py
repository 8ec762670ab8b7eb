"""Losses on latents: how much it takes to tell them apart, within their classes and over all.

The coding rates are those of maximal coding rate reduction, MCR2 (Yu et al., arXiv 2006.08558,
equations 7 and 8). All are computed in single precision: a log-determinant has no digits to spare.
"""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

EPSILON2 = 0.5  # squared distortion of the coding rates, as in the authors' experiments


def unit(latents: Tensor) -> Tensor:
    """Return latents [N, ...] as features [N, D] of length one.

    Without it the rates grow with the latents' scale, and end as no number.
    """
    return normalize(latents.float().flatten(1), dim=1)


def pooled(latents: Tensor, positions: int) -> Tensor:
    """Return unit features [N, C positions^2] of latents [N, C, h, w].

    The latents are averaged to `positions` rows and as many columns: whole, they have more elements
    than a batch has images. The authors of MCR2 take 128 elements and batches of 1000.
    """
    return unit(adaptive_avg_pool2d(latents.float(), positions))


def coding_rate(features: Tensor) -> Tensor:
    """Return R, the nats that code unit features [N, D] together: large when they spread."""
    count, size = features.shape
    return 0.5 * _log_det(features, size / (count * EPSILON2))


def class_coding_rate(features: Tensor, labels: Tensor) -> Tensor:
    """Return Rc, the nats that code unit features [N, D] class by class: small when compact.

    Args:
        labels: of each feature, int64 [N]; classes that do not occur cost nothing.
    """
    total, size = features.shape
    order = labels.argsort(stable=True)
    counts = labels.unique(return_counts=True)[1]
    # Zero rows change no determinant, so classes of all sizes fit in one batch of matrices.
    padded = features.new_zeros(len(counts), int(counts.max()), size)
    group = torch.repeat_interleave(torch.arange(len(counts), device=labels.device), counts)
    start = (counts.cumsum(0) - counts)[group]
    place = torch.arange(total, device=labels.device) - start
    padded = padded.index_put((group, place), features[order])
    log_dets = _log_det(padded, size / (counts * EPSILON2))
    return (counts / (2 * total) * log_dets).sum()


def view_distance(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared distance of two views' unit features [N, D], 0 to 4.

    The invariance term of VICReg (Bardes et al., arXiv 2105.04906); the coding rate R takes the
    place of its variance and covariance terms.
    """
    return (first - second).square().sum(dim=1).mean()


def effective_rank(features: Tensor) -> float:
    """Return how many directions features [N, D] use, 1 to min(N, D) (Roy and Vetterli, 2007)."""
    values = torch.linalg.svdvals(features.float())
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())


def _log_det(features: Tensor, scale: float | Tensor) -> Tensor:
    """Return log det(I + scale F^T F) of features [..., N, D], from the smaller Gram matrix."""
    rows, columns = features.shape[-2:]
    with torch.autocast(features.device.type, enabled=False):
        gram = features @ features.mT if rows <= columns else features.mT @ features
        factor = scale if isinstance(scale, float) else scale[:, None, None]
        identity = torch.eye(gram.shape[-1], device=gram.device)
        # Without a check: numbers that are none go on into the loss, where the loop notices them.
        lower, _ = torch.linalg.cholesky_ex(identity + factor * gram)
        return 2 * lower.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
