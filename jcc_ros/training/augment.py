"""Random views of a batch of images, made on the device that trains."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from jcc_ros.training.coding import coded
from jcc_ros.training.config import Augment

_WIDEST = 4 / 3  # aspect of a random crop, or one over it


def augment(images: Tensor, config: Augment) -> Tensor:
    """Return a random view of each image, [N, 3, H, W] in and out.

    Shift, rotation, scale, mirroring and crop are one affine map, so an image is resampled once;
    the border repeats by reflection. A whole-pixel shift keeps every pixel as it is.
    """
    if config.codec:
        images = coded(images, config.codec)
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
    zoom_x = zoom_y = zoom
    if config.crop:
        share = 1 - (1 - config.crop) * torch.rand(count, device=images.device)
        # A wider crop would stick out of the image and, cut off there, keep less than the share.
        ratio = min(_WIDEST, 1 / config.crop) ** uniform(1)
        crop_x, crop_y = (share * ratio).sqrt().clamp_max(1), (share / ratio).sqrt().clamp_max(1)
        zoom_x, zoom_y = zoom * crop_x, zoom * crop_y
        shift_x = shift_x + uniform(1) * (1 - crop_x)
        shift_y = shift_y + uniform(1) * (1 - crop_y)
    # A right angle is one in pixels only.
    across, down = angle.sin() * height / width, angle.sin() * width / height
    rows = (
        torch.stack([mirror * zoom_x * angle.cos(), -zoom_y * across, shift_x], dim=1),
        torch.stack([mirror * zoom_x * down, zoom_y * angle.cos(), shift_y], dim=1),
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
