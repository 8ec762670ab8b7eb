"""Random views of a batch of images, made on the device that trains."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from jcc_ros.training.config import Augment


def augment(images: Tensor, config: Augment) -> Tensor:
    """Return a random view of each image, [N, 3, H, W] in and out.

    Shift, rotation, scale and mirroring are one affine map, so an image is resampled once; the
    border repeats by reflection. A whole-pixel shift keeps every pixel as it is.
    """
    count, _, height, width = images.shape

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, device=images.device) * 2 - 1) * limit

    angle, zoom = uniform(math.radians(config.rotate)), 1 + uniform(config.scale)
    mirror = torch.ones_like(zoom)
    if config.flip:
        mirror = 1 - 2 * torch.randint(2, (count,), device=images.device).float()
    # affine_grid's unit is half an image.
    shift_x = 2 / width * torch.round(uniform(config.shift * width))
    shift_y = 2 / height * torch.round(uniform(config.shift * height))
    rows = (
        torch.stack([mirror * zoom * angle.cos(), -zoom * angle.sin(), shift_x], dim=1),
        torch.stack([mirror * zoom * angle.sin(), zoom * angle.cos(), shift_y], dim=1),
    )
    grid = affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    views = grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    return _cutout(views, config.cutout) if config.cutout else views


def _cutout(images: Tensor, fraction: float) -> Tensor:
    """Blank one square an image (DeVries and Taylor, arXiv 1708.04552) with the batch's mean."""
    count, _, height, width = images.shape

    def inside(size: int) -> Tensor:
        centre = torch.randint(size, (count, 1), device=images.device)
        return (torch.arange(size, device=images.device) - centre).abs() < fraction * size / 2

    square = inside(height)[:, None, :, None] & inside(width)[:, None, None, :]
    return torch.where(square, images.mean(dim=(0, 2, 3), keepdim=True), images)
