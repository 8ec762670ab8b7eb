"""A node inside a command, which keeps its own way with signals and time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

Serve = Callable[[float], None]  # serves a node for so many seconds
AnyNode = TypeVar("AnyNode", bound=Node)

_STEP = 0.02  # s between two looks at what is waited for


def own_domain() -> int:
    """Return the ROS domain of this process and its children: one of its own, unless it is given.

    To be called before ROS is initialised.
    """
    if not os.environ.get("ROS_DOMAIN_ID"):
        os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)  # above, ports may be taken
    return int(os.environ["ROS_DOMAIN_ID"])


@contextmanager
def watching(make: Callable[..., AnyNode]) -> Iterator[tuple[AnyNode, Serve]]:
    """Run a node in this thread; yield it and a function that serves it for so many seconds.

    Args:
        make: returns the node in the `context` that it is given, one of its own.
    """
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make(context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)

        def serve(seconds: float) -> None:
            deadline = monotonic() + seconds
            while (left := deadline - monotonic()) > 0:
                executor.spin_once(timeout_sec=left)

        yield node, serve
        executor.shutdown()
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


def until(
    serve: Serve,
    reached: Callable[[], object],
    limit: float,
    ended: Callable[[], object] = lambda: False,
) -> bool:
    """Serve a node until something is reached, and return whether it is.

    Args:
        serve: of the node.
        reached: asked whether it is.
        limit: s, after which to give up.
        ended: asked whether something has ended without which it cannot be reached.
    """
    deadline = monotonic() + limit
    while not reached():
        if monotonic() > deadline or ended():
            return False
        serve(_STEP)
    return True
