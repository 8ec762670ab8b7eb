"""The loop that every training step shares: schedule, moving average, checkpoint, log, progress."""

import copy
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.training import checkpoint
from jcc_ros.training.config import Schedule
from jcc_ros.training.run import Run, RunError

_CHUNK = 500  # images at a time where nothing is learned


class Objective(Protocol):
    """What one step trains, and for what."""

    name: str
    module: nn.Module

    def loss(self, module: nn.Module, images: Tensor, index: Tensor) -> tuple[Tensor, "Values"]:
        """Return the loss of a batch and what to log of it.

        Args:
            module: to be called; `self.module`, or that in a wrapper which shares gradients.
            images: [N, 3, H, W] in 0 .. 1, as they are in the training set.
            index: of each image in the training set, [N].
        """

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Return what to log of the averaged module, in evaluation mode."""


Values = dict[str, Tensor]


def fit(
    objective: Objective,
    train: LabelledImages,
    schedule: Schedule,
    seed: int,
    run: Run,
) -> nn.Module:
    """Train the objective's module and return its moving average, in evaluation mode.

    A checkpoint is written every epoch, and the training goes on from one that is there, on the
    same curve: each epoch's randomness depends on the seed and the epoch's number alone.

    Raises:
        RunError: a damaged checkpoint, or a loss that is no number.
    """
    module = objective.module.to(run.device, memory_format=torch.channels_last)
    images = torch.from_numpy(train.images).to(run.device)
    average = AveragedModel(
        module, multi_avg_fn=_moving_average(schedule.average), use_buffers=True
    )
    optimizer = torch.optim.SGD(
        _weights_and_rest(module, schedule.weight_decay),
        lr=schedule.learning_rate,
        momentum=schedule.momentum,
        nesterov=True,
    )
    modules = {"module": module, "average": average}
    file, done = run.checkpoint(objective.name), 0
    if file.is_file():
        done = int(str(checkpoint.load(file, modules, optimizer)["epochs"]))
        run.rewind_log(objective.name, done)
    shared: nn.Module = DistributedDataParallel(module) if run.processes > 1 else module
    batches = len(images) // min(schedule.batch, len(images))
    bar = tqdm(
        total=schedule.epochs * batches,
        initial=done * batches,
        unit="batch",
        smoothing=0,  # time left by the average: validation and checkpoints count
        leave=False,
        disable=None if run.first else True,
    )
    for epoch in range(done, schedule.epochs):
        torch.manual_seed(seed * 1_000_003 + epoch)
        started = time.monotonic()
        sums: dict[str, float] = {}
        module.train()
        order = torch.randperm(len(images), device=run.device).chunk(batches)
        # Each process draws its own views of its own share of every batch.
        torch.manual_seed((seed * 1_000_003 + epoch) * run.processes + run.rank)
        bar.set_description(f"{objective.name} {epoch + 1}/{schedule.epochs}")
        for number, batch in enumerate(order):
            index = batch[run.rank :: run.processes]
            progress = (epoch + number / batches) / schedule.epochs
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate * _one_cycle(progress)
            loss, values = objective.loss(shared, to_unit(images[index]), index)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            average.update_parameters(module)
            for name, value in {"loss": loss, **values}.items():
                sums[name] = sums.get(name, 0.0) + value.item()
            bar.update()
        means = {name: round(total / batches, 4) for name, total in sums.items()}
        if means["loss"] != means["loss"]:
            raise RunError(
                f"{run.folder}: the loss of {objective.name} is no number any more: "
                f"lower {objective.name}.learning_rate, now {schedule.learning_rate}"
            )
        if run.first:
            measured = objective.validate(average.module.eval())
            run.log(
                stage=objective.name,
                epoch=epoch + 1,
                **means,
                **{name: round(value, 4) for name, value in measured.items()},
                seconds=round(time.monotonic() - started, 1),
            )
            # After the log: a run killed in between repeats the epoch, and its line is dropped.
            checkpoint.save(file, modules, optimizer, {"epochs": epoch + 1})
        run.wait_for_all()
    bar.close()
    return copy.deepcopy(average.module).eval()


def to_unit(images: Tensor) -> Tensor:
    """Return uint8 images [N, H, W, 3] as [N, 3, H, W] in 0 .. 1."""
    return images.permute(0, 3, 1, 2).float() / 255


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of logits [N, classes] whose largest is the label's."""
    return (logits.argmax(dim=1) == labels).float().mean()


def chunks(images: LabelledImages, device: torch.device) -> Iterator[Tensor]:
    """Yield all images in order, some hundreds at a time, [n, 3, H, W] in 0 .. 1."""
    for chunk in torch.from_numpy(images.images).split(_CHUNK):
        yield to_unit(chunk.to(device))


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
