"""What a node's process takes on its command line."""

import sys
from pathlib import Path

import pytest
from harness import Fleet

from jcc_ros.nodes.installed import share

NODES = ["camera", "classifier", "encoder", "recorder"]


@pytest.mark.parametrize("node", NODES)
def test_help_says_where_the_parameters_are_described(fleet: Fleet, node: str) -> None:
    process = fleet.run(sys.executable, "-m", f"jcc_ros.nodes.{node}", "--help", "--ros-args")
    assert process.wait() == 0, process.output()
    usage, what, where = process.output().split("\n\n")
    assert usage == f"usage: {node} [--ros-args -p name:=value ...]"
    assert what.startswith(f"The {node} node")
    file = where.split("described in ")[1].split(",")[0]
    assert Path(file) == share() / f"config/{node}.yaml"
    assert Path(file).is_file()


def test_installed_programs_know_help(fleet: Fleet) -> None:
    process = fleet.run(share().parents[1] / "lib/jcc_ros/recorder", "-h")
    assert process.wait() == 0, process.output()
    assert process.output().startswith("usage: recorder ")


def test_arguments_that_are_not_for_ros_are_refused(fleet: Fleet) -> None:
    words = ["--model", "my digits", "--ros-args", "-p", "fps:=5.0", "--", "more"]
    process = fleet.run(sys.executable, "-m", "jcc_ros.nodes.camera", *words)
    assert process.wait() == 2, process.output()
    (line,) = process.output().splitlines()
    assert line.startswith("camera: unknown arguments: --model 'my digits' more; ")
    assert "--ros-args -p name:=value" in line


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-p", "source=images"], "'-p source=images'; "),
        (["-p", "fps:=5.0", "-r", "image_raw=front"], "'-r image_raw=front'; "),
        (
            ["--params-file", "nowhere.yaml"],
            "'--params-file nowhere.yaml': Error opening YAML file; ",
        ),
        (["-p"], "trailing -p flag"),
        (["--parameter", "fps:=5.0"], "unknown arguments of ROS: ['--parameter', 'fps:=5.0']; "),
    ],
)
def test_arguments_that_ros_cannot_read_are_refused(
    fleet: Fleet, words: list[str], named: str
) -> None:
    process = fleet.run(sys.executable, "-m", "jcc_ros.nodes.camera", "--ros-args", *words)
    assert process.wait() == 2, process.output()
    (line,) = process.output().splitlines()
    assert line.startswith("camera: ")
    assert named in line
    assert "--ros-args -p name:=value" in line
