"""Classifies latents of many frames in batches, on all cores, always in the same batches."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from jcc_ros.evaluation.frames import Verdict
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.winograd import Network, for_batches

_BATCH = 128
_AHEAD = 3  # batches that may be under way


class Labeller:
    """Fills verdicts.

    A batch depends on the order of the latents alone, not on the number of threads: near ties
    fall the same way on every machine of a cluster.

    Args:
        pool: that the networks run on.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._pending: dict[str, list[tuple[NDArray[np.float32], int, Verdict]]] = {}
        self._models: dict[str, tuple[ClassifierModel, Network]] = {}
        self._running: deque[tuple[ClassifierModel, Sequence[Verdict], Future]] = deque()

    def ask(self, model: ClassifierModel, latent: NDArray[np.float32], point: int) -> Verdict:
        """Return a verdict on a latent [C, h, w], sent at an operating point, that is filled some
        time until `finish`."""
        key = model.codec.model_id
        if key not in self._models:
            self._models[key] = model, for_batches(model)
        batch = self._pending.setdefault(key, [])
        verdict = Verdict(pending=True)
        batch.append((latent, point, verdict))
        if len(batch) == _BATCH:
            self._start(key)
        return verdict

    def finish(self) -> None:
        """Fill all verdicts."""
        for key in list(self._pending):
            self._start(key)
        while self._running:
            self._fill()

    def _start(self, key: str) -> None:
        latents, points, verdicts = zip(*self._pending.pop(key), strict=True)
        model, network = self._models[key]

        def scores() -> NDArray[np.float32]:
            return model.tempered(network(np.stack(latents)), points)

        self._running.append((model, verdicts, self._pool.submit(scores)))
        if len(self._running) > _AHEAD:
            self._fill()

    def _fill(self) -> None:
        model, verdicts, future = self._running.popleft()
        scores = future.result()
        best = scores.argmax(axis=1)
        for verdict, row, index in zip(verdicts, scores, best, strict=True):
            verdict.label, verdict.score = model.classes[index], float(row[index])
            verdict.pending = False
