"""Every parameter of every node with values that no one should give it, at start and live.

Each is refused with a reason that names the parameter, or is in force afterwards.
"""

import math
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import rclpy
import yaml
from harness import DIGITS, Fleet, Probe
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder
from jcc_ros.nodes.camera import CameraPage
from jcc_ros.nodes.classifier import ClassifierPage
from jcc_ros.nodes.encoder import EncoderPage
from jcc_ros.nodes.parameters import Page, Parameters
from jcc_ros.nodes.recorder import RecorderPage

PAGES = {
    "camera": CameraPage,
    "classifier": ClassifierPage,
    "encoder": EncoderPage,
    "recorder": RecorderPage,
}
VALUES = {
    "true": True,
    "zero": 0,
    "negative": -1,
    "huge": 2**63 - 1,
    "least": -(2**63),
    "half": 0.5,
    "negative zero": -0.0,
    "huge number": 1e308,
    "tiny number": 1e-300,
    "NaN": math.nan,
    "infinity": math.inf,
    "negative infinity": -math.inf,
    "empty": "",
    "words": "not a number",
    "unicode": "ü\u2028\U0001f916",
    "line break": "a\nb",
    "long": "x" * 10_000,
    "many numbers": [1.0] * 1000,
    "NaN in a list": [math.nan],
    "many words": ["x"] * 1000,
    "empty words": [""],
    "unicode words": ["ü"],
    "truths": [True, False],
}
CASES = [
    pytest.param(node, name, value, id=f"{node} {name} {title}")
    for node, page in PAGES.items()
    for name in page.model_fields
    for title, value in VALUES.items()
]
EMPTY_LIST = [
    pytest.param(node, name, id=f"{node} {name}")
    for node, page in PAGES.items()
    for name in page.model_fields
]


def same(one: object, other: object) -> bool:
    """Compare as ROS does: NaN is itself, 0 and 0.0 are one number."""
    return one == other or (one != one and other != other)


def judge(page: type[Page], name: str, value: object, current: object) -> None:
    """Check a value that was accepted against the page itself."""
    accepted = page.model_validate({name: value})
    assert same(getattr(accepted, name), current)


# At start: a YAML file, read by rcl as for a node's process.


@pytest.fixture(scope="module")
def context() -> Iterator[rclpy.Context]:
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    yield context
    rclpy.shutdown(context=context)


def start(context: rclpy.Context, page: type[Page], file: Path, text: str) -> Page:
    """Return the parameters in force of a node that is started with a YAML file."""
    file.write_text(text)
    node = rclpy.create_node(
        "started", context=context, cli_args=["--ros-args", "--params-file", str(file)]
    )
    try:
        return Parameters(node, page).current
    finally:
        node.destroy_node()


@pytest.mark.parametrize(("node", "name", "value"), CASES)
def test_at_start(
    context: rclpy.Context, tmp_path: Path, node: str, name: str, value: object
) -> None:
    page = PAGES[node]
    text = yaml.safe_dump({"/**": {"ros__parameters": {name: value}}}, allow_unicode=True)
    try:
        current, refusal = start(context, page, tmp_path / "page.yaml", text), ""
    except (ValueError, InvalidParameterTypeException) as error:
        current, refusal = None, str(error)
    if current is None:
        assert name in refusal or "image topics" in refusal
    else:
        judge(page, name, value, getattr(current, name))


@pytest.mark.parametrize(("node", "name"), EMPTY_LIST)
def test_an_empty_list_at_start_is_refused(
    context: rclpy.Context, tmp_path: Path, node: str, name: str
) -> None:
    text = yaml.safe_dump({"/**": {"ros__parameters": {name: []}}})
    with pytest.raises(Exception, match=name):
        start(context, PAGES[node], tmp_path / "page.yaml", text)


def test_what_is_no_parameter_is_told(fleet: Fleet) -> None:
    encoder = fleet.start("encoder", "/typo", model=DIGITS, bit_rate=4000.0, colour="blue")
    encoder.logged("there is no parameter bit_rate; did you mean bitrate\\?")
    encoder.logged("there is no parameter colour\n")
    encoder.logged("no limit on the bit rate")


# Live: the parameter service of a running node.


@pytest.fixture(scope="module")
def nodes(
    fleet: Fleet, probe: Probe, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    images = tmp_path_factory.mktemp("images")
    save_folder(digits("test").sample(10, seed=0), images)
    processes = {
        "camera": fleet.start("camera", "/every", source=images),
        "classifier": fleet.start("classifier", "/every", models=[str(DIGITS)]),
        "encoder": fleet.start("encoder", "/every", model=DIGITS),
        "recorder": fleet.start("recorder", "/every", bag=images / "bag"),
    }
    yield {node: f"/every/{node}" for node in processes}
    for process in processes.values():
        assert process.running()
        assert "Traceback" not in process.output()


class Remote:
    """The parameters of a running node."""

    def __init__(self, probe: Probe, node: str) -> None:
        self._probe, self._node, self._client = probe, node, probe.parameters(node)

    def set(self, parameter: Parameter) -> SetParametersResult:
        ask = partial(self._client.set_parameters, [parameter])
        return self._probe.answer(ask, f"{self._node} to {parameter}").results[0]

    def get(self, name: str) -> object:
        ask = partial(self._client.get_parameters, [name])
        (value,) = self._probe.answer(ask, f"{self._node} about {name}").values
        found = Parameter.from_parameter_msg(ParameterMessage(name=name, value=value)).value
        return found.tolist() if isinstance(found, array) else found


@pytest.mark.parametrize("node", PAGES)
def test_live(nodes: dict[str, str], probe: Probe, node: str) -> None:
    remote = Remote(probe, nodes[node])
    for name in PAGES[node].model_fields:
        for title, value in VALUES.items():
            before = remote.get(name)
            answer = remote.set(Parameter(name, value=value))
            after = remote.get(name)
            if answer.successful:
                judge(PAGES[node], name, value, after)
            else:
                assert name in answer.reason or "image topics" in answer.reason, (name, title)
                assert same(before, after), (name, title)
        assert not remote.set(Parameter(name, Parameter.Type.NOT_SET)).successful, name
