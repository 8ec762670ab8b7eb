"""Threads for networks that are too small to share several cores well."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import cv2


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(count: int | None = None) -> Iterator[Executor]:
    """Give every core one thread of its own.

    Args:
        count: of the threads; as many as there are cores for this process by default.
    """
    others = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(count or cores())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(others)
