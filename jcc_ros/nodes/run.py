"""How a node's process runs, and how it ends."""

import gc
import os
import re
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from jcc_ros.nodes.installed import share
from jcc_ros.nodes.managed import ManagedNode
from jcc_ros.nodes.shared_memory import remove_orphans
from jcc_ros.nodes.watchdog import exit_after

_GOODBYE = 1.0  # s
_failed: list[threading.Thread] = []


def run(make: Callable[[], Node]) -> NoReturn:
    """Run one node until it is told to end, and end the process.

    SIGINT and SIGTERM end it with status 0, a start that fails ends it with status 1, arguments
    that are not for ROS, or that ROS cannot read, with status 2. The signals are waited for, not
    handled by rclpy, which would close the context before the node could send its last frames and
    report its final counts.
    """
    _check_arguments((sys.modules[make.__module__].__doc__ or "").partition("\n")[0])
    try:
        status = _run(make)
    except ValueError as error:
        rclpy.logging.get_logger(Path(sys.argv[0]).stem).fatal(str(error))
        status = 1
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    _leave(status)
    # Nothing is left to be saved, and no library's thread shall keep the process.
    os._exit(status)


def _check_arguments(about: str) -> None:
    """End the process if there are arguments besides those of ROS, with help if they ask for it.

    It also ends if ROS cannot read its own.

    Args:
        about: what the node is.
    """
    command = Path(sys.argv[0]).stem
    try:
        words = remove_ros_args(sys.argv)[1:]
    except RuntimeError as error:
        print(
            f"{command}: {_told(error)}; write --ros-args -p name:=value -r name:=other "
            "--params-file FILE",
            file=sys.stderr,
        )
        sys.exit(2)
    if {"-h", "--help"} & set(words):
        print(
            f"usage: {command} [--ros-args -p name:=value ...]\n\n"
            f"{about}\n\n"
            f"The parameters are described in {share() / 'config' / command}.yaml,\n"
            f"in docs/components.md, and by `ros2 param describe /{command}` while the node runs."
        )
        sys.exit(0)
    if words:
        print(
            f"{command}: unknown arguments: {shlex.join(words)}; parameters are set by "
            "--ros-args -p name:=value",
            file=sys.stderr,
        )
        sys.exit(2)


def _told(error: RuntimeError) -> str:
    """Say in a line which arguments ROS cannot read."""
    text, lead = str(error), "Failed to parse ROS arguments: "
    if not text.startswith(lead):
        return f"unknown arguments of ROS: {text}"
    problem, _, reason = re.sub(r", at \S+:\d+", "", text.removeprefix(lead)).partition(". Error: ")
    # Of other arguments the reason is told in the terms of a parser.
    return f"{problem}: {reason}" if "params file" in problem else problem.rstrip(".")


def _run(make: Callable[[], Node]) -> int:
    told = _endings()
    remove_orphans()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = make()
    if isinstance(node, ManagedNode):
        if node.get_parameter("autostart").value and not node.autostart():
            return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    failures: list[BaseException] = []

    def spin() -> None:
        try:
            executor.spin()
        except BaseException as error:
            failures.append(error)
            end()

    spinning = threading.Thread(target=spin, name="spin")
    spinning.start()
    os.read(told, 1)
    executor.shutdown(timeout_sec=1.0)
    spinning.join()
    if failures:
        raise failures[0]
    if _failed:
        _failed[0].join()  # until then it holds on to the node
        return 1
    node.close()
    return 0


def _endings() -> int:
    """Return a file descriptor that gives a byte when SIGINT or SIGTERM tells this process to end.

    The interpreter writes it whatever thread the signal hits. A mask and sigwait are not enough:
    threads that libraries started on import stay unmasked, and one of them may take the signal.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)
    return reader


def _leave(status: int) -> None:
    """Say goodbye to the other participants, for a second at the most.

    Who goes without it, a start that failed too, may have been reading a message in shared memory,
    and then those who write there wait for ever (Fast DDS 2.14, issue 6485).

    Fast DDS waits for itself for ever when a reader is destroyed while another participant leaves,
    which happens in a few of a hundred ends, and rclpy holds the interpreter's lock meanwhile. All
    that mattered has been sent by then.
    """
    exit_after(_GOODBYE, status)
    gc.collect()  # the node, which may be half made: the last one takes the participant with it
    rclpy.try_shutdown()


def start_worker(name: str, work: Callable[[], None]) -> threading.Thread:
    """Start a thread without which the node is of no use: if it fails, the process ends.

    That takes 3 s at the most, and the status is 1.
    Supervisors restart what has ended, and nobody notices a node that only looks alive.
    """

    def guarded() -> None:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            _failed.append(worker)
            end()
            exit_after(3 * _GOODBYE, 1)  # what is busy now may wait for this thread

    worker = threading.Thread(target=guarded, name=name)
    worker.start()
    return worker


def end() -> None:
    """End this process as SIGTERM does."""
    os.kill(os.getpid(), signal.SIGTERM)
