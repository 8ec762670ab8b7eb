"""A node inside a command, which keeps its own way with signals and time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

AnyNode = TypeVar("AnyNode", bound=Node)


@contextmanager
def watching(make: Callable[[], AnyNode]) -> Iterator[tuple[AnyNode, Callable[[float], None]]]:
    """Run a node in this thread; yield it and a function that serves it for so many seconds."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)

        def serve(seconds: float) -> None:
            deadline = monotonic() + seconds
            while (left := deadline - monotonic()) > 0:
                executor.spin_once(timeout_sec=left)

        yield node, serve
        executor.shutdown()
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
