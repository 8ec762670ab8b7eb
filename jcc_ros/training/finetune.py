"""End-to-end training: encoder, quantiser and classifier, one encoder for all rates.

    loss = cross-entropy(classifier(quantise(prefix(encoder(view))))) + weight x bits(prefix)

Every image draws its own quantiser step and its own prefix, so that the latent channels come out
ordered by importance (nested dropout, Rippel et al., arXiv 1402.0915) and any step can be used.
"""

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training import checkpoint
from jcc_ros.training.augment import augment
from jcc_ros.training.config import Finetune, TrainConfig
from jcc_ros.training.rate import RateModel, round_to_step
from jcc_ros.training.run import Run


class Halves(nn.Module):
    """Both networks and the rate model, trained as one."""

    def __init__(self, encoder: Encoder, classifier: Classifier) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = classifier
        self.rate = RateModel(encoder.config.latent_shape)

    def forward(self, images: Tensor, step: Tensor, prefix: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N, classes] and bits [N].

        Args:
            images: [N, 3, H, W] in 0 .. 1.
            step: quantiser step of each image, [N, 1, 1, 1].
            prefix: channels kept of each image, [N, 1, 1, 1].
        """
        # Full precision from here on: the rate is a difference of nearly equal numbers.
        latents = self.encoder(images).float()
        channel = torch.arange(latents.shape[1], device=latents.device).view(1, -1, 1, 1)
        sent = channel < prefix
        with torch.autocast(latents.device.type, enabled=False):
            bits = (self.rate(latents, step) * sent).sum(dim=(1, 2, 3))
        return self.classifier(round_to_step(latents, step) * sent), bits


def finetune(
    halves: Halves,
    train: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    run: Run,
    resume: bool,
) -> Halves:
    """Train and return the averaged halves, in evaluation mode.

    A checkpoint is written every epoch; with `resume` the training goes on from it, on the same
    curve: each epoch's randomness depends on the seed and the epoch's number alone.
    """
    stage = config.finetune
    halves = halves.to(run.device, memory_format=torch.channels_last)
    images = torch.from_numpy(train.images).to(run.device)
    labels = torch.from_numpy(train.labels).to(run.device)
    average = AveragedModel(halves, multi_avg_fn=_moving_average(stage.average), use_buffers=True)
    optimizer = torch.optim.SGD(
        _weights_and_rest(halves, stage.weight_decay),
        lr=stage.learning_rate,
        momentum=stage.momentum,
        nesterov=True,
    )
    modules = {"halves": halves, "average": average}
    done = 0
    if resume and run.checkpoint.is_file():
        done = int(str(checkpoint.load(run.checkpoint, modules, optimizer)["epochs"]))
        run.rewind_log("finetune", done)
    batches = len(images) // min(stage.batch, len(images))
    bar = tqdm(
        total=stage.epochs * batches,
        initial=done * batches,
        unit="batch",
        smoothing=0,  # time left by the average: validation and checkpoints count
        leave=False,
        disable=None,
    )
    for epoch in range(done, stage.epochs):
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        started = time.monotonic()
        loss_sum = bits_sum = correct = 0.0
        halves.train()
        order = torch.randperm(len(images), device=run.device).chunk(batches)
        bar.set_description(f"epoch {epoch + 1}/{stage.epochs}")
        for index, chosen in enumerate(order):
            progress = (epoch + index / batches) / stage.epochs
            for group in optimizer.param_groups:
                group["lr"] = stage.learning_rate * _one_cycle(progress)
            pixels = images[chosen].permute(0, 3, 1, 2).float() / 255
            views = augment(pixels, config.augment)
            step, prefix = _draw(stage, len(chosen), halves.encoder.config.channels, run.device)
            with run.autocast():
                logits, bits = halves(views, step, prefix)
            target = labels[chosen]
            loss = cross_entropy(logits.float(), target, label_smoothing=stage.label_smoothing)
            weight = stage.rate_weight * step.flatten()
            optimizer.zero_grad(set_to_none=True)
            (loss + (weight * bits).mean()).backward()
            optimizer.step()
            average.update_parameters(halves)
            loss_sum += loss.item()
            bits_sum += bits.mean().item()
            correct += (logits.argmax(dim=1) == target).float().mean().item()
            bar.update()
        run.log(
            stage="finetune",
            epoch=epoch + 1,
            loss=round(loss_sum / batches, 4),
            bits=round(bits_sum / batches, 1),
            train_accuracy=round(correct / batches, 4),
            validation_accuracy=round(_accuracy(average.module, validation, stage, run), 4),
            seconds=round(time.monotonic() - started, 1),
        )
        # After the log: a run killed in between repeats the epoch, and its line is dropped.
        checkpoint.save(run.checkpoint, modules, optimizer, {"epochs": epoch + 1})
    bar.close()
    return copy.deepcopy(average.module).eval()


def _moving_average(decay: float) -> Callable[..., None]:
    """Average over few steps at first, when the weights are still far from anything useful."""

    def update(averaged: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        warm = (1 + int(steps)) / (10 + int(steps))
        get_ema_multi_avg_fn(min(decay, warm))(averaged, current, steps)

    return update


def _weights_and_rest(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay convolution and linear weights only: norms, biases and densities know their scale."""
    weights = [p for p in module.parameters() if p.ndim in (2, 4)]
    rest = [p for p in module.parameters() if p.ndim not in (2, 4)]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]


def _one_cycle(progress: float, warm_up: float = 0.15) -> float:
    """Linear up, linear down to zero (Smith and Topin, arXiv 1708.07120), of the peak rate."""
    return progress / warm_up if progress < warm_up else (1 - progress) / (1 - warm_up)


def _draw(
    stage: Finetune, count: int, channels: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return a quantiser step and a prefix for each of `count` images, both [count, 1, 1, 1]."""
    finest, coarsest = stage.steps
    step = finest * (coarsest / finest) ** torch.rand(count, 1, 1, 1, device=device)
    prefix = torch.randint(1, channels + 1, (count, 1, 1, 1), device=device)
    whole = torch.rand(count, 1, 1, 1, device=device) < stage.full_prefix
    return step, prefix.where(~whole, channels)


@torch.no_grad()
def _accuracy(halves: Halves, data: LabelledImages, stage: Finetune, run: Run) -> float:
    """Accuracy with whole latents at the geometric mean of the steps."""
    halves.eval()
    step = torch.full((1, 1, 1, 1), (stage.steps[0] * stage.steps[1]) ** 0.5, device=run.device)
    prefix = torch.full((1, 1, 1, 1), halves.encoder.config.channels, device=run.device)
    correct = 0
    for images, labels in zip(
        torch.from_numpy(data.images).split(500),
        torch.from_numpy(data.labels).split(500),
        strict=True,
    ):
        pixels = images.to(run.device).permute(0, 3, 1, 2).float() / 255
        logits, _ = halves(pixels, step, prefix)
        correct += int((logits.argmax(dim=1).cpu() == labels).sum())
    return correct / len(data)
