"""A node inside a command, which keeps its own way with signals and time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

AnyNode = TypeVar("AnyNode", bound=Node)


@contextmanager
def watching(make: Callable[..., AnyNode]) -> Iterator[tuple[AnyNode, Callable[[float], None]]]:
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
