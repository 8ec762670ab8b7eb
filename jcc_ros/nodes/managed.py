"""What encoder and classifier share: life cycle, log lines, diagnostics."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import wraps

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.timer import Timer

Transition = Callable[["ManagedNode", LifecycleState], TransitionCallbackReturn]

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

    def destroy_node(self) -> None:
        """Destroy the node for good: rclpy's state machine would hold on to it and its memory."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

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

    def every(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call `act` periodically, by a clock that neither stops nor jumps as ROS time may."""
        return self.create_timer(seconds, act, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def warn(self, cause: str, text: str) -> None:
        """Log a warning, once a minute for each cause."""
        now = time.monotonic()
        if now - self._last_warned.get(cause, -_QUIET) >= _QUIET:
            recent = {c: at for c, at in self._last_warned.items() if now - at < _QUIET}
            self._last_warned = {**recent, cause: now}
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


def summary_of(counts: Mapping[str, int]) -> str:
    """Return counts as words, for logs."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "none"
