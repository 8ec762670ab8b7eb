"""Ends the process on time even when no Python thread can run any more."""

import ctypes
import time

_SIGEV_THREAD = 2


class _Sigevent(ctypes.Structure):
    """struct sigevent of 64-bit Linux (sigevent(7))."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_char * 32),
    )


class _Itimerspec(ctypes.Structure):
    """struct itimerspec: no interval, then s and ns until the only time."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("_s", "_ns", "seconds", "nanoseconds"))


def exit_after(seconds: float, status: int) -> None:
    """Let the C library call _exit(status) in a thread of its own after so many seconds.

    A Python thread would not do: whoever is stuck may hold the interpreter's lock.

    Raises:
        OSError: the timer cannot be made.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    leave = ctypes.cast(libc._exit, ctypes.c_void_p)
    event = _Sigevent(value=status, notify=_SIGEV_THREAD, function=leave)
    timer = ctypes.c_void_p()
    when = _Itimerspec(seconds=int(seconds), nanoseconds=int(seconds % 1 * 1e9))
    made = libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
    if made or libc.timer_settime(timer, 0, ctypes.byref(when), None):
        raise OSError(ctypes.get_errno(), "cannot create the timer that ends the process")
