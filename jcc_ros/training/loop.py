"""The loop that every training step shares: schedule, moving average, checkpoint, log, progress."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training import checkpoint
from jcc_ros.training.config import ConfigError, Schedule, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.run import Run

_CHUNK = 500  # images at a time where nothing is learned
_RISING = 0.15  # share of a step over which the learning rate rises

Trained = TypeVar("Trained", bound=nn.Module)
Values = dict[str, Tensor]
Draw = Callable[[int, int, torch.device], Sequence[Tensor]]
"""Draws the batches of an epoch, with torch's random numbers: indices [n] of the images of each.

It gets the number of images, that of batches and the device.
"""


class Objective(Protocol[Trained]):
    """What one step trains, and for what.

    Attributes:
        name: of its checkpoint, and in the log.
        section: of the configuration, which has its schedule.
    """

    name: str
    section: str
    module: Trained

    def loss(
        self, module: nn.Module, images: Tensor, index: Tensor, progress: float
    ) -> tuple[Tensor, Values]:
        """Return the loss of a batch and what to log of it.

        Args:
            module: to be called; `self.module`, or that in a wrapper which shares gradients.
            images: [N, 3, H, W] in 0 .. 1, as they are in the training set.
            index: of each image in the training set, [N].
            progress: share of the step that is done, 0 to 1.
        """

    def validate(self, module: Trained) -> dict[str, float]:
        """Return what to log of the averaged module, which is in evaluation mode."""


def shuffled(images: int, batches: int, device: torch.device) -> Sequence[Tensor]:
    """Draw batches of any images, all about equally large; see Draw."""
    # Drawn on the CPU: all processes have the same random numbers there, whatever their GPUs.
    return torch.randperm(images).to(device).tensor_split(batches)


def fit(
    objective: Objective[Trained],
    train: LabelledImages,
    schedule: Schedule,
    seed: int,
    run: Run,
    draw: Draw = shuffled,
) -> Trained:
    """Train the objective's module and return its moving average, in evaluation mode.

    A checkpoint is written every epoch, and the training goes on from one that is there, on the
    same curve: each epoch's randomness depends on the seed and the epoch's number alone.

    Args:
        draw: which images are in a batch together.
    Raises:
        RunError: a damaged checkpoint, a loss that is no number, or too little memory for a batch.
    """
    step = _Step(objective, train, schedule, seed, run, draw)
    with tqdm(
        total=schedule.epochs * step.batches,
        initial=step.done * step.batches,
        unit="batch",
        smoothing=0,  # time left by the average: validation and checkpoints count
        leave=False,
        disable=None if run.first else True,
    ) as bar:
        for epoch in range(step.done, schedule.epochs):
            started = time.monotonic()
            bar.set_description(f"{objective.name} {epoch + 1}/{schedule.epochs}")
            try:
                means = step.learn(epoch, bar)
            except torch.cuda.OutOfMemoryError as error:
                raise RunError(
                    f"{run.folder}: {objective.name} needs more memory than {run.device} has; "
                    f"lower {objective.section}.batch, now {schedule.batch}"
                ) from error
            if run.first:
                step.record(epoch, means, started)
            run.wait_for_all()
    # Normalisations have seen each process's own share of the images; the first one's counts.
    run.agree(step.averaged)
    return step.averaged.eval()


class _Step(Generic[Trained]):
    """One step under way, from its checkpoint on if there is one.

    Attributes:
        averaged: the moving average of the objective's module.
        batches: of an epoch.
        done: epochs.
    Raises:
        RunError: a damaged checkpoint.
    """

    def __init__(
        self,
        objective: Objective[Trained],
        train: LabelledImages,
        schedule: Schedule,
        seed: int,
        run: Run,
        draw: Draw,
    ) -> None:
        self._objective, self._schedule, self._seed, self._run = objective, schedule, seed, run
        self._draw = draw
        module = objective.module
        module.to(run.device)
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._images = torch.from_numpy(train.images).to(run.device)
        self._average = _MovingAverage(module, schedule.average)
        self._optimizer = torch.optim.SGD(
            _weights_and_rest(module, schedule.weight_decay),
            lr=schedule.learning_rate,
            momentum=schedule.momentum,
            nesterov=schedule.momentum > 0,
        )
        self.averaged = cast(Trained, self._average.module)
        self._modules: dict[str, nn.Module] = {"module": module, "average": self._average}
        self._file, self.done = run.checkpoint(objective.name), 0
        if self._file.is_file():
            self.done = checkpoint.load(self._file, self._modules, self._optimizer)["epochs"]
        if run.first:
            run.log.rewind(objective.name, self.done)
        self._shared = DistributedDataParallel(module) if run.processes > 1 else module
        self.batches = _count_batches(len(train), schedule)

    def learn(self, epoch: int, bar: tqdm) -> dict[str, float]:
        """Train for one epoch; return the means of what the objective has to log.

        Args:
            epoch: its number, from 0.
            bar: moves on by a batch at a time.
        Raises:
            RunError: the loss, or a weight or statistic behind the last update, is no number.
        """
        objective, schedule = self._objective, self._schedule
        sums: dict[str, Tensor] = {}
        objective.module.train()
        for number, index in enumerate(self._indices(epoch)):
            progress = (epoch + number / self.batches) / schedule.epochs
            for group in self._optimizer.param_groups:
                group["lr"] = schedule.learning_rate * _one_cycle(progress)
            loss, values = objective.loss(
                self._shared, to_unit(self._images[index]), index, progress
            )
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            self._average.update_parameters(objective.module)
            for name, value in {"loss": loss, **values}.items():
                sums[name] = sums.get(name, 0.0) + value.detach().double()
            bar.update()
        means = {name: round(total.item() / self.batches, 4) for name, total in sums.items()}
        if not (math.isfinite(means["loss"]) and _is_finite(self.averaged)):
            raise RunError(
                f"{self._run.folder}: {objective.name} diverged in epoch {epoch + 1}: its loss or "
                "its weights are no longer finite numbers; lower "
                f"{objective.section}.learning_rate, now {schedule.learning_rate}"
            )
        return means

    def _indices(self, epoch: int) -> Iterator[Tensor]:
        """Yield this process's share of each batch, drawn for this epoch.

        Between batches the random numbers are this process's own: for views, steps and prefixes.
        """
        run, number = self._run, self._seed * 1_000_003 + epoch
        torch.manual_seed(number)
        batches = self._draw(len(self._images), self.batches, run.device)
        torch.manual_seed(number * run.processes + run.rank)
        for batch in batches:
            yield batch[run.rank :: run.processes]

    def record(self, epoch: int, means: dict[str, float], started: float) -> None:
        """Validate, log, write the checkpoint of an epoch and show how it went.

        Args:
            epoch: its number, from 0.
            means: to be logged.
            started: when it began, s of time.monotonic.
        """
        name, measured = self._objective.name, self._objective.validate(self.averaged.eval())
        line = {
            "epoch": epoch + 1,
            **means,
            **{key: round(value, 4) for key, value in measured.items()},
            "seconds": round(time.monotonic() - started, 1),
        }
        self._run.log.write(name, **line)
        # After the log: a run killed in between repeats the epoch, and drops its line.
        checkpoint.save(self._file, self._modules, {"epochs": epoch + 1}, self._optimizer)
        # Who has seen the line may rely on the checkpoint.
        self._run.log.show(name, **line)


def check_batches(config: TrainConfig, steps: Iterable[str], images: int, run: Run) -> None:
    """Make sure that steps have batches to learn from, of two images a process, for normalisation.

    Args:
        steps: of the configuration, those that will run.
        images: that are learnt from.
    Raises:
        ConfigError: names the step whose batches are too small, or too few.
    """
    for name in steps:
        schedule = getattr(config, name)
        if not isinstance(schedule, Schedule):
            continue
        batches = _count_batches(images, schedule)
        if schedule.epochs * batches == 1:  # the learning rate begins at zero
            raise ConfigError(
                f"{name}.batch {schedule.batch}: all {images} images are one batch, and a single "
                "epoch of one batch trains nothing; use a smaller batch or more epochs"
            )
        smallest = images // batches
        if smallest < 2 * run.processes:
            raise ConfigError(
                f"{name}.batch {schedule.batch}: {run.processes} processes share batches of "
                f"{smallest} of the {images} images, and each process needs at least two of every "
                "batch; use a larger batch or fewer processes"
            )


def to_unit(images: Tensor) -> Tensor:
    """Return uint8 images [N, H, W, 3] as [N, 3, H, W] in 0 .. 1."""
    return images.permute(0, 3, 1, 2).float() / 255


def chunks(images: LabelledImages, device: torch.device) -> Iterator[Tensor]:
    """Yield all images in order, some hundreds at a time, [n, 3, H, W] in 0 .. 1."""
    for chunk in torch.from_numpy(images.images).split(_CHUNK):
        yield to_unit(chunk.to(device))


@torch.no_grad()
def encoded(encoder: Encoder, data: LabelledImages, device: torch.device) -> Tensor:
    """Return the latents of all images in order, [N, C, h, w], on the CPU.

    Args:
        device: where the encoder is.
    """
    latents = [encoder(images).float().cpu() for images in chunks(data, device)]
    return torch.cat(latents).contiguous()


def _count_batches(images: int, schedule: Schedule) -> int:
    """Return how many batches an epoch has; all are about equally large, none less than asked."""
    return images // min(schedule.batch, images)


class _MovingAverage(AveragedModel):
    """Averages over few steps at first, when the weights are still far from anything useful."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__(module, multi_avg_fn=self._update, use_buffers=True)
        self._decay = decay

    def _update(
        self, averaged: Sequence[Tensor], current: Sequence[Tensor], steps: Tensor | int
    ) -> None:
        # Not `steps`: that is on the device, and reading it would wait for all the work there.
        count = int(self.n_averaged)
        decay = min(self._decay, (1 + count) / (10 + count))
        get_ema_multi_avg_fn(decay)(averaged, current, steps)


def _is_finite(module: nn.Module) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in module.state_dict().values())


def _weights_and_rest(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay convolution and linear weights only: norms and biases know their scale."""
    weights = [p for p in module.parameters() if p.ndim in (2, 4)]
    rest = [p for p in module.parameters() if p.ndim not in (2, 4)]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]


def _one_cycle(progress: float) -> float:
    """Linear up, linear down to zero (Smith and Topin, arXiv 1708.07120), of the peak rate."""
    return progress / _RISING if progress < _RISING else (1 - progress) / (1 - _RISING)
