"""Threads for networks that are too small to share several cores well."""

import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import torch

# Each of a network's operations waits for the interpreter that long, 5 ms if left alone, while
# another thread computes in Python.
_SWITCH = 2e-4  # s


@contextmanager
def workers(count: int | None = None) -> Iterator[Executor]:
    """Give every core one thread of its own.

    Args:
        count: of the threads; as many as torch uses by default.
    """
    threads, others = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    pool = ThreadPoolExecutor(count or threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
        cv2.setNumThreads(others)
        sys.setswitchinterval(switch)
