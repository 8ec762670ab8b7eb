"""Node parameters as typed pages: declared, validated with a reason, current at any time."""

from array import array
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter


class Page(BaseModel):
    """Base of a node's parameters: one field each, with default, range and description."""

    # The types of YAML, plus whole numbers where a fraction is allowed; no NaN, no infinity.
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


def read_only(default: Any, **constraints: Any) -> Any:
    """Return a field that can be set at start only."""
    return Field(default, json_schema_extra={"read_only": True}, **constraints)


AnyPage = TypeVar("AnyPage", bound=Page)


class Parameters(Generic[AnyPage]):
    """A page bound to a node.

    An accepted change makes a new page, in force from the next frame on; a refused one leaves no
    trace.

    Args:
        node: that declares them.
        page: the type of the page.
        changed: called after values have been accepted.
        check: called with a page before it is accepted; raises ValueError, with the reason, if the
            node cannot work by it.
    Attributes:
        current: the values in force, made when they change: to read them takes 0.15 ms of a frame.
    Raises:
        ValueError: a value given at start that is not allowed.
    """

    def __init__(
        self,
        node: Node,
        page: type[AnyPage],
        changed: Callable[[], None] | None = None,
        check: Callable[[AnyPage], None] | None = None,
    ) -> None:
        self._node = node
        self._page = page
        self._check = check
        for name, field in page.model_fields.items():
            extra = field.json_schema_extra
            descriptor = ParameterDescriptor(
                name=name,
                description=field.description or "",
                additional_constraints=_allowed(page, name),
                read_only=isinstance(extra, dict) and bool(extra.get("read_only")),
                # `ros2 param set /encoder bitrate 8000` is a whole number to ROS.
                dynamic_typing=True,
            )
            node.declare_parameter(name, field.default, descriptor)
        reason = self._reason({})
        if reason:
            raise ValueError(reason)
        self.current = page.model_validate(self._values())
        self._warn_of_unknown()
        node.add_on_set_parameters_callback(self._validate)

        def accept(changes: list[Parameter]) -> None:
            # Not for others: a new subscription declares parameters of its quality of service.
            if self._mine(changes):
                self.current = page.model_validate(self._values())
                if changed:
                    changed()

        node.add_post_set_parameters_callback(accept)

    def _warn_of_unknown(self) -> None:
        """Warn of values given at start for what is no parameter; ROS passes over them."""
        for name in self._node._parameter_overrides:
            # Those of quality of service are declared with their topics.
            if not (self._node.has_parameter(name) or name.startswith("qos_overrides.")):
                alike = get_close_matches(name, self._page.model_fields, 1)
                hint = f"; did you mean {alike[0]}?" if alike else ""
                self._node.get_logger().warning(f"there is no parameter {name}{hint}")

    def _values(self) -> dict[str, Any]:
        names = self._page.model_fields
        return {name: _plain(self._node.get_parameter(name).value) for name in names}

    def _mine(self, changes: list[Parameter]) -> dict[str, Any]:
        return {p.name: _plain(p.value) for p in changes if p.name in self._page.model_fields}

    def _validate(self, changes: list[Parameter]) -> SetParametersResult:
        reason = self._reason(self._mine(changes))
        return SetParametersResult(successful=not reason, reason=reason)

    def _reason(self, changes: dict[str, Any]) -> str:
        """Return why these changes are not allowed, or nothing."""
        try:
            page = self._page.model_validate({**self._values(), **changes})
            if self._check:
                self._check(page)
        except ValidationError as error:
            first = error.errors()[0]
            text = first["msg"].removeprefix("Value error, ")
            if not first["loc"]:  # values that are right alone, not together
                return text
            name = str(first["loc"][0])
            value = first["input"]
            alone = first["type"] == "list_type" and value is not None
            hint = f"; write {name}:=[{value}]" if alone else ""
            return f"{name}: {text}, got {value!r} (allowed: {_allowed(self._page, name)}){hint}"
        except ValueError as error:
            return str(error)
        return ""


def _plain(value: Any) -> Any:
    """Return lists of numbers, which ROS hands over as arrays, as the lists of YAML."""
    return value.tolist() if isinstance(value, array) else value


def _allowed(page: type[Page], name: str) -> str:
    """Say in words which values a field takes."""
    schema = page.model_json_schema()["properties"][name]
    if "enum" in schema:
        return " or ".join(schema["enum"])
    items = schema.get("items", {})
    kind = f"list of {items['type']}s" if items else schema["type"]
    bounds = {**schema, **items}
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}
    limits = [f"{word} {bounds[key]:g}" for key, word in words.items() if key in bounds]
    return " ".join([kind, *limits])
