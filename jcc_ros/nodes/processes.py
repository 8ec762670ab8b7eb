"""Nodes as child processes, that end with their parent whatever happens to it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PATIENCE = 2.0  # s between the friendly signal and the other one


class StartError(RuntimeError):
    """Nodes did not get as far as they should; the message has what they printed."""


class Nodes:
    """Runs nodes of this package, each as a process of its own with its output in a file.

    Args:
        logs: folder for the output.
        environment: variables on top of this process's.
    """

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self._logs = logs
        self._environment = {**os.environ, **environment}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, node: str, name: str = "", *, within: tuple[str, ...] = (), **parameters: object
    ) -> int:
        """Start a node of this package and return its process id.

        Args:
            node: encoder, classifier or camera.
            name: a namespace for it, also what it is called here; none, and called as the node.
            within: words before the command, such as `ip netns exec host`.
            parameters: ROS parameters.
        """
        options = ["-r", f"__ns:=/{name}"] if name else []
        for key, value in parameters.items():
            options += ["-p", f"{key}:={value}"]
        name = name or node
        with (self._logs / f"{name}.log").open("wb") as log, _interruptions_held_back():
            self._children[name] = subprocess.Popen(
                [*within, sys.executable, "-m", f"jcc_ros.nodes.{node}", "--ros-args", *options],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C reaches the parent alone, which passes it on once.
                start_new_session=True,
                preexec_fn=partial(_die_with_parent, os.getpid()),
            )
        return self._children[name].pid

    def ended(self) -> dict[str, int]:
        """Return the exit status of those that have ended."""
        polled = {name: child.poll() for name, child in self._children.items()}
        return {name: status for name, status in polled.items() if status is not None}

    def stop(self, *names: str) -> dict[str, int]:
        """End some or all of them; return the exit status of all, negative if it took SIGKILL."""
        ending = [self._children[name] for name in names or self._children]
        for child in ending:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE
        for child in ending:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return self.ended()

    def output(self, *names: str) -> str:
        """Return what some or all of them have printed, each after a line with its name."""
        return "\n".join(
            f"--- {name}\n{(self._logs / f'{name}.log').read_text(errors='replace').rstrip()}"
            for name in names or self._children
        )

    def failure(self, problem: str, *names: str) -> StartError:
        """Return the error that tells a problem, and what some or all of them have printed."""
        return StartError(f"{problem}\n{self.output(*names)}")


@contextmanager
def _interruptions_held_back() -> Iterator[None]:
    """Let SIGINT and SIGTERM take effect afterwards: Python drops a Ctrl-C that hits a fork."""
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal handler runs here
        return
    handlers = {
        number: signal.signal(number, lambda number, frame: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in held[:1]:
        signal.raise_signal(number)


def _die_with_parent(parent: int) -> None:
    """Ask Linux for SIGKILL when the parent is gone, even by SIGKILL itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the asking
        os.kill(os.getpid(), signal.SIGKILL)
