"""The end of a process that is stuck where Python cannot reach it."""

import subprocess
import sys
import time

STUCK = """
import ctypes
from jcc_ros.nodes.watchdog import exit_after
exit_after(0.5, 3)
ctypes.PyDLL(None).sleep(60)  # holds the interpreter's lock
"""


def test_a_process_ends_on_time_although_the_interpreter_is_locked() -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", STUCK], timeout=30)
    assert done.returncode == 3
    assert 0.5 <= time.monotonic() - started < 20
