"""The rooms of jcc_ros import downwards only, and ROS and torch stay where they belong."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jcc_ros"
GROUND = {"codec", "datasets"}
STANDS_ON = {
    "codec": set(),
    "datasets": set(),
    "networks": GROUND,
    "training": GROUND | {"networks"},
    "evaluation": GROUND | {"networks"},
    "nodes": GROUND | {"networks", "msg"},
    "commands": GROUND | {"networks", "training", "evaluation", "nodes"},
}
FILES = sorted(PACKAGE.glob("*/**/*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def test_every_room_has_its_place():
    assert {room(path) for path in FILES} <= set(STANDS_ON)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards(path):
    modules = list(imports(path))
    inner = {module.split(".")[1] for module in modules if module.startswith("jcc_ros.")}
    outer = {module.split(".")[0] for module in modules}
    assert inner - {room(path)} <= STANDS_ON[room(path)]
    if room(path) != "nodes":
        assert not {module for module in outer if module == "rclpy" or module.endswith("_msgs")}
    if room(path) in GROUND:
        assert "torch" not in outer
