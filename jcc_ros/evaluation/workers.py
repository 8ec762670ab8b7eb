"""Threads for networks that are too small to share several cores well."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import cv2


@contextmanager
def workers(count: int | None = None) -> Iterator[Executor]:
    """Give every core one thread of its own.

    Args:
        count: of the threads; as many as there are cores for this process by default.
    """
    others = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(count or len(os.sched_getaffinity(0)))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(others)
