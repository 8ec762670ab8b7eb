"""The parameter files and the page of components say what the nodes declare."""

import json
import re
from pathlib import Path

import pytest
import rclpy
import yaml
from rclpy.signals import SignalHandlerOptions

from jcc_ros.nodes.camera import CameraPage
from jcc_ros.nodes.classifier import ClassifierPage
from jcc_ros.nodes.encoder import EncoderPage
from jcc_ros.nodes.parameters import Parameters
from jcc_ros.nodes.recorder import RecorderPage

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "camera": CameraPage,
    "encoder": EncoderPage,
    "classifier": ClassifierPage,
    "recorder": RecorderPage,
}
ROW = re.compile(r"\| `(\w+)` +\| ([^|]+?) +\| `([^|]+)` +\| (live|start) +\|")

pytestmark = pytest.mark.parametrize("node", PAGES)


@pytest.fixture
def declared(node):
    """The descriptors as `ros2 param describe` gets them."""
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    stub = rclpy.create_node(f"{node}_stub", context=context)
    Parameters(stub, PAGES[node])
    yield stub.describe_parameters(list(PAGES[node].model_fields))
    stub.destroy_node()
    rclpy.shutdown(context=context)


def lines(node):
    return (ROOT / f"config/{node}.yaml").read_text().splitlines()


def rows(node):
    """The rows of a node's table of parameters: name, type and range, default, when it is read."""
    page = (ROOT / "docs/components.md").read_text()
    return ROW.findall(re.search(rf"(?ms)^## {node}$(.*?)(?=^## |\Z)", page)[1])


def test_the_file_states_every_default(node):
    # As text: 0 is not 0.0 here, and the order counts.
    stated = yaml.safe_load("\n".join(lines(node)))
    assert json.dumps(stated) == json.dumps(
        {"/**": {"ros__parameters": PAGES[node]().model_dump()}}
    )


def test_the_file_comments_every_parameter_with_its_range(node, declared):
    comments, comment = {}, ""
    for line in map(str.strip, lines(node)):
        if line.startswith("#"):
            comment += f" {line[1:].strip()}"
        elif line:
            comments[line.split(":")[0]], comment = comment.strip(), ""
    for parameter in declared:
        kind = comments[parameter.name].split(". ")[0]
        assert ("live" in kind) == (not parameter.read_only), parameter.name
        agree(kind, node, parameter)


def test_the_page_states_every_parameter(node, declared):
    assert [row[0] for row in rows(node)] == [parameter.name for parameter in declared]
    for parameter, (_, kind, default, when) in zip(declared, rows(node), strict=True):
        assert when == ("start" if parameter.read_only else "live"), parameter.name
        stated = PAGES[node].model_validate({parameter.name: yaml.safe_load(default)})
        assert stated == PAGES[node](), parameter.name
        agree(kind, node, parameter)


def agree(text, node, parameter):
    """The words for a type and its range are those of the node, the numbers are its bounds."""
    assert text.startswith(re.split(" from| above", parameter.additional_constraints)[0])
    field = PAGES[node].model_json_schema()["properties"][parameter.name]
    field = {**field, **field.get("items", {})}
    bounds = {field[key] for key in ("minimum", "exclusiveMinimum", "maximum") if key in field}
    assert {float(number) for number in re.findall(r"\d[\d.e]*", text)} == bounds, parameter.name
