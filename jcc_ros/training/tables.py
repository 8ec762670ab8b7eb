"""Entropy tables out of the symbols of training images.

A table is a mixture (see codec/entropy.py). Its components are found by hard expectation
maximisation: every image goes to the component that codes it in the fewest bits, every component
becomes the histogram of its images, and so on, from clusters of the latents on. Histograms that are
nearly alike are then replaced by their mean.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding_bag

from jcc_ros.codec.entropy import MAX_LEVELS, MAX_LOWEST, MAX_ROWS, EntropyTable

_SPREAD = 1e-3  # share of the probability that is spread evenly: unseen symbols stay possible
_PRIOR = 32.0  # how many observations the histogram of a wider group counts for in a narrower one
_CLIPPED = 1e-5  # share of the elements that may lie beyond an alphabet
_ROUNDS = 3
_LEAST_MEMBERS = 50  # images to a component, on average
_ITERATIONS = 20  # of clustering rows


class TooFineError(ValueError):
    """A quantiser step that gives more or larger symbols than an entropy table may hold."""


def clusters(latents: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the cluster [N], 0 to count - 1, of each of the latents [N, C, h, w], by k-means.

    Of few latents fewer clusters are made.
    """
    # Takes as long to import as torch, and the steps before calibrate do without.
    from sklearn.cluster import MiniBatchKMeans

    count = max(1, min(count, len(latents) // _LEAST_MEMBERS))
    rows = latents.reshape(len(latents), -1)
    means = MiniBatchKMeans(count, batch_size=4096, n_init=3, random_state=0)
    return means.fit_predict(rows).astype(np.int64)


def fit_table(
    symbols: NDArray[np.int32], channels: int, cluster: NDArray[np.int64] | None = None
) -> EntropyTable:
    """Estimate probabilities from symbols [N, elements], the elements channel by channel.

    Each element's histogram is smoothed by that of its channel, and in a component by that of all
    images. The alphabet spans what was seen, except for the rarest ends, which are clipped.
    Probabilities are half-precision numbers, so that a model file may hold them as such.

    Args:
        cluster: of each image, [N], to begin with; None for a single component.
    Raises:
        TooFineError: more than 256 different levels, or a lowest symbol beyond 32768.
    """
    ends = np.quantile(symbols, (_CLIPPED / 2, 1 - _CLIPPED / 2), method="nearest")
    lowest = int(ends[0])
    # A coder needs two symbols even where one was seen.
    levels = max(2, int(ends[1]) - lowest + 1)
    if levels > MAX_LEVELS:
        raise TooFineError(
            f"{levels} levels, but at most {MAX_LEVELS} can be coded; use a coarser step"
        )
    if abs(lowest) > MAX_LOWEST:
        raise TooFineError(
            f"symbols from {lowest} on, but a table begins at {-MAX_LOWEST} to {MAX_LOWEST}; use a "
            "coarser step"
        )
    elements = symbols.shape[1]
    columns = np.clip(symbols - lowest, 0, levels - 1)
    cells = columns + levels * np.arange(elements, dtype=np.int32)
    counts = _histogram(cells, elements, levels)
    channel = counts.reshape(channels, -1, levels).sum(axis=1, keepdims=True)
    wider = np.broadcast_to(_normalised(channel), (channels, elements // channels, levels))
    common = _smoothed(counts, wider.reshape(elements, levels))
    if cluster is None:
        table, shares = common[None], np.ones(1)
    else:
        table, shares = _mixture(cells, common, cluster)
    rows, indexes = _shared(table, shares)
    half = rows.astype(np.float16).astype(np.float32)
    return EntropyTable(half, indexes, shares.astype(np.float32), lowest)


def _mixture(
    cells: NDArray[np.int32], common: NDArray[np.float64], cluster: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities [components, elements, levels] and shares [components].

    Args:
        cells: of each image and element, the number of its symbol among all elements' symbols.
        common: the table of all images.
        cluster: of each image.
    """
    table, shares = _components(cells, common, cluster)
    for _ in range(_ROUNDS - 1):
        bits = torch.from_numpy(-np.log2(table.reshape(len(table), -1).T).astype(np.float32))
        lengths = embedding_bag(torch.from_numpy(cells), bits, mode="sum").numpy()
        cluster = (lengths - np.log2(shares)).argmin(axis=1)
        table, shares = _components(cells, common, cluster)
    return table, shares


def _components(
    cells: NDArray[np.int32], common: NDArray[np.float64], cluster: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities and shares of the components that images [N] have chosen."""
    members = [cells[cluster == number] for number in np.unique(cluster)]
    counts = (_histogram(part, *common.shape) for part in members)
    table = np.stack([_smoothed(part, common) for part in counts])
    return table, _normalised(np.array([len(part) for part in members], np.float64))


def _shared(
    table: NDArray[np.float64], shares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return rows [rows, levels] and indexes [components, elements] that stand for a mixture.

    Where there are too many, rows are clustered by their Hellinger distance, whose square is, for
    neighbours, proportional to what coding under one instead of the other costs.

    Args:
        table: probabilities [components, elements, levels].
        shares: of the components.
    """
    from sklearn.cluster import KMeans

    components, elements, levels = table.shape
    rows, indexes = np.unique(table.reshape(-1, levels), axis=0, return_inverse=True)
    if len(rows) > MAX_ROWS:
        weights = np.bincount(indexes.ravel(), np.repeat(shares, elements))
        means = KMeans(MAX_ROWS, n_init=1, max_iter=_ITERATIONS, random_state=0)
        nearest = means.fit_predict(np.sqrt(rows), sample_weight=weights)
        _, nearest = np.unique(nearest, return_inverse=True)  # none that nobody is nearest to
        totals = [np.bincount(nearest, weights * column) for column in rows.T]
        rows, indexes = _normalised(np.stack(totals, axis=1)), nearest[indexes]
    return rows, indexes.reshape(components, elements).astype(np.uint8)


def _histogram(cells: NDArray[np.int32], elements: int, levels: int) -> NDArray[np.float64]:
    counts = np.bincount(cells.ravel(), minlength=elements * levels)
    return counts.reshape(elements, levels).astype(np.float64)


def _smoothed(counts: NDArray[np.float64], wider: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distributions of counts [elements, levels], none of them without a symbol.

    Args:
        wider: distributions of the group that the counts are a part of.
    """
    levels = counts.shape[1]
    return (1 - _SPREAD) * _normalised(counts + _PRIOR * wider) + _SPREAD / levels


def _normalised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / values.sum(axis=-1, keepdims=True)
