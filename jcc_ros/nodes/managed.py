"""What encoder and classifier share: life cycle, counts, diagnostics, the way to run and to end."""

import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import NoReturn

import rclpy
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError

Transition = Callable[["ManagedNode", LifecycleState], TransitionCallbackReturn]

_GOODBYE = 1.0  # s
_QUIET = 60.0  # s between two log lines about the same cause


class ManagedNode(LifecycleNode):
    """A managed node that starts itself unless told otherwise, and says what it could not do.

    Args:
        name: of the node.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._last_warned: dict[str, float] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def autostart(self) -> bool:
        """Configure and activate; return whether that worked."""
        return (
            self.trigger_configure() == TransitionCallbackReturn.SUCCESS
            and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
        )

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop what runs, from whatever state."""
        self.on_deactivate(state)
        return self.on_cleanup(state)

    def _LifecycleNodeMixin__on_change_state(  # noqa: N802
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        """Refuse a transition that the state does not allow; rclpy would end the node."""
        try:
            return super()._LifecycleNodeMixin__on_change_state(request, response)
        except RuntimeError as error:
            self.get_logger().warning(f"transition {request.transition.id} is refused: {error}")
            response.success = False
            return response

    def warn(self, cause: str, text: str) -> None:
        """Log a warning, once a minute for each cause."""
        now = time.monotonic()
        if now - self._last_warned.get(cause, -_QUIET) >= _QUIET:
            self._last_warned[cause] = now
            self.get_logger().warning(text)

    def diagnose(self, summary: str, problem: str, values: Iterable[tuple[str, object]]) -> None:
        """Publish one entry on /diagnostics, a warning if there is a problem."""
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
            name=f"{self.get_fully_qualified_name()}: jcc_ros",
            message=problem or summary,
            hardware_id=self.get_name(),
            values=[KeyValue(key=key, value=str(value)) for key, value in values],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def explained(transition: Transition) -> Transition:
    """Log what goes wrong in a transition; rclpy would only report that something did."""

    @wraps(transition)
    def logging(node: ManagedNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            node.get_logger().error(f"{transition.__name__}: {error}")
            return TransitionCallbackReturn.ERROR

    return logging


def summary_of(counts: Counter[str]) -> str:
    """Return counts as words, for logs."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "none"


def share() -> Path:
    """Return the folder of jcc_ros's installed models, configuration and launch files."""
    return Path(get_package_share_directory("jcc_ros"))


def fastdds_profile() -> dict[str, str]:
    """Return the environment that gives Fast DDS room for images, unless the user chose another."""
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")  # since 3: second
    if any(name in os.environ for name in names):
        return {}
    return dict.fromkeys(names, str(share() / "config" / "fastdds.xml"))


def find_model(name: str) -> Path:
    """Return the folder of a model: a path, or the name of one that is installed with jcc_ros.

    Raises:
        ModelFileError: neither.
    """
    for folder in (Path(name).expanduser(), share() / "models" / name):
        if any((folder / file).is_file() for file in (ENCODER_FILE, CLASSIFIER_FILE)):
            return folder
    installed = sorted(folder.name for folder in (share() / "models").glob("*"))
    raise ModelFileError(
        f"model {name!r}: no folder with {ENCODER_FILE} or {CLASSIFIER_FILE}, "
        f"and none of the installed models: {', '.join(installed)}"
    )


def run(make: Callable[[], Node]) -> NoReturn:
    """Run one node until it is told to end, and end the process.

    SIGINT and SIGTERM end it with status 0, a start that fails ends it with status 1. The signals
    are waited for, not handled by rclpy, which would close the context before the node could send
    its last frames and report its final counts.
    """
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
    # Python would need up to 2 s to take torch apart, and nothing is left to be saved.
    os._exit(status)


def _run(make: Callable[[], Node]) -> int:
    told = _endings()
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
    node.close()
    _leave(node)
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


def _leave(node: Node) -> None:
    """Say goodbye to the other participants, for a second at the most.

    Fast DDS 2.14 waits for itself for ever, about once in a hundred times, while it destroys a
    reader (ResourceEvent::unregister_timer). All that mattered has been sent by then.
    """

    def destroy() -> None:
        node.destroy_node()
        rclpy.try_shutdown()

    leaving = threading.Thread(target=destroy, daemon=True)
    leaving.start()
    leaving.join(_GOODBYE)


def end() -> None:
    """End this process as SIGTERM does."""
    os.kill(os.getpid(), signal.SIGTERM)
