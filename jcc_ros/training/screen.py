"""Step 2: order the latent's channels by class information, and keep as many as it takes.

The criterion is Fisher's: the directions in channel space along which the classes' means differ
most for the spread within the classes, that is the generalised eigenvectors of the scatter between
and within classes (Rao, The Utilization of Multiple Measurements, 1948). Every position counts its
own class means, around a mean of its own: by how much positions differ says nothing of the class.
The rotation onto these directions is folded into the encoder's last layer, so that
a prefix of the channels is the best such subspace and costs nothing.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
import torch
from matplotlib.figure import Figure
from torch import Tensor

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.datasets.writing import replacing, write_whole
from jcc_ros.networks.encoder import Encoder
from jcc_ros.training import checkpoint
from jcc_ros.training.coding import delivered
from jcc_ros.training.config import ImageCodec, Screen
from jcc_ros.training.loop import encoded
from jcc_ros.training.run import Run

_SAMPLE = 20_000  # training images that scatter and probe are computed from
_SHRINKAGE = 1e-4  # of the scatter within classes towards the identity
_RIDGE = 1e-3  # of the probe, relative to the features' mean square


@dataclass(frozen=True)
class Screening:
    """What was found.

    Attributes:
        information: Fisher's ratio of scatter between to scatter within classes, of every channel.
        channels: the dimensions tried.
        accuracy: of a linear probe on that many channels, on validation images, 0 to 1.
        chosen: smallest number of channels within the tolerance of the best, or the least.
    """

    information: list[float]
    channels: list[int]
    accuracy: list[float]
    chosen: int


def screen(
    encoder: Encoder,
    train: LabelledImages,
    validation: LabelledImages,
    codec: ImageCodec | None,
    stage: Screen,
    run: Run,
) -> Encoder:
    """Return the encoder with its latent rotated and cut; write screen.json and screen.png.

    The channels of the new latent have mean 0 and variance 1 over the training images.

    Args:
        validation: as the codec delivers them.
        codec: that the encoder learns to see the training images through.
    Raises:
        DataError: names the file that cannot be written.
        RunError: a damaged checkpoint.
    """
    file = run.checkpoint("screen")
    if run.first and not file.is_file():
        sample = delivered(train.sample(_SAMPLE, seed=0), codec)
        found, reduced = _examine(encoder, sample, validation, stage, run)
        text = json.dumps(asdict(found), indent=2) + "\n"
        write_whole(run.folder / "screen.json", text.encode())
        with replacing(run.folder / "screen.png") as picture:
            _plot(found, stage.tolerance, picture)
        run.log.rewind("screen")
        reached = found.accuracy[found.channels.index(found.chosen)]
        run.log.add("screen", channels=found.chosen, probe_accuracy=round(reached, 4))
        checkpoint.save(file, {"encoder": reduced}, {"channels": found.chosen})
    run.wait_for_all()
    channels = checkpoint.read_progress(file)["channels"]
    reduced = Encoder(encoder.config.model_copy(update={"channels": channels}))
    checkpoint.load(file, {"encoder": reduced})
    return reduced.to(run.device).eval()


def _examine(
    encoder: Encoder, sample: LabelledImages, validation: LabelledImages, stage: Screen, run: Run
) -> tuple[Screening, Encoder]:
    labels, truth = torch.from_numpy(sample.labels), torch.from_numpy(validation.labels)
    known, unseen = (encoded(encoder, part, run.device) for part in (sample, validation))
    mean, directions, information = discriminants(known, labels)
    known, unseen = (_turn(latents, mean, directions) for latents in (known, unseen))
    width = len(information)
    tried = sorted({*range(1, min(8, width) + 1), *range(12, width, 4), stage.least, width})
    accuracy = [probe(known[:, :k], labels, unseen[:, :k], truth) for k in tried]
    enough = max(accuracy) - stage.tolerance
    smallest = next(k for k, a in zip(tried, accuracy, strict=True) if a >= enough)
    chosen = max(smallest, stage.least)
    found = Screening(information.tolist(), tried, accuracy, chosen)
    return found, turned(encoder, mean, directions[:, :chosen])


def discriminants(latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean [C], directions [C, C] as columns, and their Fisher ratios [C], falling.

    Along every direction the latents [N, C, h, w] have variance 1.
    """
    channels = latents.shape[1]
    mean = latents.mean(dim=(0, 2, 3))
    centred = latents.double() - mean.double().view(1, -1, 1, 1)
    total = _scatter(centred)
    around = _scatter(centred - centred.mean(dim=0))
    within = torch.zeros_like(total)
    for label in labels.unique():
        members = centred[labels == label]
        within += _scatter(members - members.mean(dim=0)) * len(members) / len(latents)
    between = around - within
    within += _SHRINKAGE * within.trace() / channels * torch.eye(channels)
    lower = torch.linalg.cholesky(within)
    half = torch.linalg.solve_triangular(lower, between, upper=False)
    whitened = torch.linalg.solve_triangular(lower, half.mT, upper=False)
    ratios, vectors = torch.linalg.eigh((whitened + whitened.mT) / 2)
    directions = torch.linalg.solve_triangular(lower.mT, vectors.flip(1), upper=True)
    deviation = (directions * (total @ directions)).sum(dim=0).clamp_min(1e-12).sqrt()
    return mean, (directions / deviation).float(), ratios.flip(0).clamp_min(0).float()


def probe(known: Tensor, labels: Tensor, unseen: Tensor, truth: Tensor) -> float:
    """Return the accuracy on `unseen` latents of a ridge regression onto the classes of `known`.

    All classes count the same, whatever they have of images: 0 to 1, the mean of their accuracies.
    """
    x, y = _with_one(known), _with_one(unseen)
    targets = torch.nn.functional.one_hot(labels).double()
    weighted = x / targets.sum(dim=0)[labels, None]
    gram = weighted.mT @ x
    gram += _RIDGE * gram.trace() / len(gram) * torch.eye(len(gram))
    weights = torch.linalg.solve(gram, weighted.mT @ targets)
    right = (y @ weights).argmax(dim=1) == truth
    counts = truth.bincount()
    return float((truth[right].bincount(minlength=len(counts)) / counts)[counts > 0].mean())


def _with_one(latents: Tensor) -> Tensor:
    return torch.cat([latents.flatten(1), torch.ones(len(latents), 1)], dim=1).double()


def _scatter(latents: Tensor) -> Tensor:
    """Mean over images and positions of the outer product of channels."""
    rows = latents.movedim(1, -1).flatten(0, -2)
    return rows.mT @ rows / len(rows)


@torch.no_grad()
def turned(encoder: Encoder, mean: Tensor, directions: Tensor) -> Encoder:
    """Return an encoder, on the CPU, whose latent is directions^T (latent - mean).

    Args:
        mean: [C].
        directions: [C, k], as columns.
    """
    cut = Encoder(encoder.config.model_copy(update={"channels": directions.shape[1]}))
    state = {name: weight.cpu() for name, weight in encoder.state_dict().items()}
    head = f"layers.{len(encoder.layers) - 1}.conv"
    weight, bias = state[f"{head}.weight"], state[f"{head}.bias"]
    state[f"{head}.weight"] = torch.einsum("ck,cabd->kabd", directions, weight)
    state[f"{head}.bias"] = directions.mT @ (bias - mean)
    cut.load_state_dict(state)
    return cut.eval()


def _turn(latents: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return torch.einsum("ck,nchw->nkhw", directions, latents - mean.view(1, -1, 1, 1))


def _plot(found: Screening, tolerance: float, file: Path) -> None:
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(found.channels, [100 * a for a in found.accuracy], marker="o")
        axes.axhline(100 * (max(found.accuracy) - tolerance), linestyle=":", color="grey")
        axes.axvline(found.chosen, linestyle="--", color="grey")
        inward = "left" if found.chosen < max(found.channels) / 2 else "right"
        place = found.chosen, 100 * min(found.accuracy)
        axes.annotate(f"  {found.chosen} channels  ", place, horizontalalignment=inward)
        axes.set(xlabel="latent channels", ylabel="accuracy of a linear probe, %")
        figure.savefig(file, dpi=120)
