"""Runs the same function on many bags: here, in processes of this machine, or on a Dask cluster.

A bag that cannot be read yields a result that says why; the others go on.
"""

import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.examine import Progress, examine
from jcc_ros.evaluation.plan import Options
from jcc_ros.evaluation.result import BagResult
from jcc_ros.networks.model_file import ModelFileError

Work = tuple[Path, Options]


class EngineError(DataError):
    """An engine that is not installed or cannot be reached."""


def examine_all(works: Sequence[Work], jobs: int, progress: Progress) -> Iterator[BagResult]:
    """Yield the results as they come, from `jobs` processes; from this one if that is 1.

    Args:
        progress: called with the seconds of bags that were read since the last call.
    """
    if jobs == 1 or len(works) == 1:
        for work in works:
            yield examine_one(work, progress)
        return
    # Not fork: ONNX Runtime and OpenCV have threads already.
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        told = manager.Queue()
        pool = ProcessPoolExecutor(jobs, mp_context=context)
        undone = []
        try:
            left = {pool.submit(_examine_and_tell, work, told): work for work in works}
            while left:
                _pass_on(told, progress)
                for future in [future for future in left if future.done()]:
                    work = left.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        undone.append(work)
                    else:
                        yield future.result()
            _pass_on(told, progress)
        finally:
            pool.shutdown(cancel_futures=True)
        # A process that is killed takes the work of all others along.
        for work in undone:
            yield _examine_alone(work, context)


def _examine_alone(work: Work, context: SpawnContext) -> BagResult:
    """Examine one bag in a process of its own, which may be killed."""
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(examine_one, work).result()
        except BrokenProcessPool:
            path, _ = work
            return BagResult(
                path, error=f"{path}: the process reading it was killed (out of memory?)"
            )


def examine_on_dask(
    works: Sequence[Work],
    jobs: int,
    scheduler: str | None,
    progress: Progress,
    patience: float = 30.0,
) -> Iterator[BagResult]:
    """Yield the results as they come, from a Dask cluster.

    Args:
        jobs: workers of the local cluster, one process each.
        scheduler: address of a running cluster, which sees the same files; None for a local one.
        progress: called with the seconds of every bag that is finished.
        patience: s to wait for the scheduler.
    Raises:
        EngineError: Dask is not installed, or the scheduler is not there.
    """
    try:
        from dask.distributed import Client, LocalCluster
        from dask.distributed import as_completed as dask_completed
    except ImportError as error:
        raise EngineError("--engine dask: dask is not installed (pip install '.[dask]')") from error
    cluster = None
    try:
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=None, processes=True
            )
        try:
            client = Client(scheduler or cluster, timeout=patience)
        except OSError as error:
            raise EngineError(f"--engine dask: no scheduler at {scheduler}: {error}") from error
        with client:
            # Not pure: a bag of the same name may have grown since.
            paths = {client.submit(examine_one, work, pure=False): work[0] for work in works}
            for future in dask_completed(paths):
                try:
                    result = future.result()
                # KilledWorker, and whatever else a lost worker leads to.
                except Exception as error:
                    path = paths[future]
                    result = BagResult(path, error=f"{path}: {type(error).__name__}: {error}")
                progress(result.seconds)
                yield result
    finally:
        if cluster is not None:
            cluster.close()


def examine_one(work: Work, progress: Progress = lambda seconds: None) -> BagResult:
    """Return the result of one bag, its report written; of a broken one, with the reason."""
    path, options = work
    try:
        result = examine(path, options, progress)
        if options.out is not None:
            # Only now: while the bag is read, its pictures need the room that matplotlib takes.
            from jcc_ros.evaluation.report import write_report

            write_report([result], options.out)
        return result
    except (DataError, ModelFileError, OSError) as error:
        text = str(error)
        return BagResult(path, error=text if str(path) in text else f"{path}: {text}")
    # One damaged bag among hundreds must not take the night's work with it.
    except Exception as error:
        return BagResult(path, error=f"{path}: {type(error).__name__}: {error}")


def _examine_and_tell(work: Work, told: Any) -> BagResult:
    return examine_one(work, told.put)


def _pass_on(told: Any, progress: Callable[[float], None]) -> None:
    """Report what the processes have told within a moment."""
    try:
        progress(told.get(timeout=0.1))
        while True:
            progress(told.get_nowait())
    except queue.Empty:
        return
