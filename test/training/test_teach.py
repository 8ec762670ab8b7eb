"""The teacher takes images of any size; its first layer is white."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, cross_entropy, interpolate

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training.config import Augment, Teach, TrainConfig
from jcc_ros.training.loop import to_unit
from jcc_ros.training.run import Run
from jcc_ros.training.teach import Teacher, Teaching, ready_to_judge


def textures(size: tuple[int, int], count: int = 200) -> torch.Tensor:
    """Images [count, 3, *size] in 0 .. 1 whose neighbouring pixels are alike."""
    torch.manual_seed(0)
    coarse = torch.randn(count, 3, size[0] // 2, size[1] // 2)
    fine = torch.randn(count, 3, *size)
    return (0.5 + 0.2 * interpolate(coarse, size=size) + 0.05 * fine).clamp(0, 1)


@pytest.mark.parametrize(
    "size",
    [(8, 8), (16, 16), (32, 32), (48, 32), (96, 96), (64, 224), (32, 224), (128, 32), (16, 512)],
)
def test_any_size_gives_logits(size):
    images = textures(size, count=20)
    teacher = Teacher(4, classes=7, images=images, networks=2)
    logits = teacher(images)
    assert logits.shape == (2, 20, 7)
    torch.testing.assert_close(teacher.judge(images), (logits[0] + logits[1]) / 2)
    logits.square().mean().backward()
    assert all(weight.grad is not None for weight in teacher.parameters())


@pytest.mark.parametrize("size", [(32, 32), (96, 96)])
def test_the_first_layer_whitens(size):
    images = textures(size)
    teacher = Teacher(4, classes=2, images=images)
    white = conv2d(images - 0.5, teacher.whitening, stride=teacher.stride)
    half = white.shape[1] // 2
    assert torch.equal(white[:, half:], -white[:, :half])
    covariance = white[:, :half].movedim(1, -1).flatten(0, -2).T.cov()
    off_diagonal = covariance - covariance.diag().diag()
    assert off_diagonal.abs().max() < 0.01
    assert covariance.diag().min() > 0.7  # the noise that is not amplified takes the rest
    assert covariance.diag().max() < 1.01
    assert "whitening" not in dict(teacher.named_parameters())


@pytest.mark.parametrize("sees", ["images", "views"])
def test_a_teacher_judges_images_or_views_of_them(sees, tmp_path, tiny_config):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    data = LabelledImages(pixels, np.arange(20) % 3, ("a", "b", "c"))
    page = TrainConfig.model_validate(tiny_config)
    page = page.model_copy(
        update={
            "augment": Augment(flip=True),
            "finetune": page.finetune.model_copy(update={"teacher_sees": sees}),
        }
    )
    images = to_unit(torch.from_numpy(pixels))
    teacher = Teacher(4, 3, images, networks=2).eval()
    judge = ready_to_judge(teacher, data, page, Run(tmp_path, torch.device("cpu"), bfloat16=False))
    index, views = torch.tensor([3, 5, 8]), 1 - images[:3]
    told = judge(views, index)
    assert not told.requires_grad
    with torch.no_grad():
        sides = (teacher(images[index]) + teacher(images[index].flip(3))) / 2
        seen = {"images": sides.mean(dim=0), "views": teacher(views).mean(dim=0)}
    torch.testing.assert_close(told, seen[sees], rtol=1e-4, atol=1e-5)


def test_each_network_learns_as_it_would_alone(tmp_path, tiny_config):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    data = LabelledImages(pixels, np.arange(60) % 3, ("a", "b", "c"))
    stage = Teach(epochs=1, width=4, networks=2)
    page = TrainConfig.model_validate({**tiny_config, "augment": {"shift": 0.0}, "teach": stage})
    run = Run(tmp_path, torch.device("cpu"), bfloat16=False)
    teaching = Teaching(data, data, page, stage, run)
    images, index = to_unit(torch.from_numpy(pixels)), torch.arange(60)
    teacher = teaching.module
    loss, _ = teaching.loss(teacher, images, index, progress=0.0)
    loss.backward()
    labels = torch.from_numpy(data.labels)
    for network, logits in zip(teacher.networks, teacher(images), strict=True):
        weights = list(network.parameters())
        alone = torch.autograd.grad(cross_entropy(logits, labels), weights, retain_graph=True)
        torch.testing.assert_close([weight.grad for weight in weights], list(alone))
    first, second = (network.head.weight for network in teacher.networks)
    assert not torch.equal(first, second)
