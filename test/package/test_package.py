"""The files that describe the package agree with each other and with the tree."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from setup_env import Setup
from setuptools import find_packages

ROOT = Path(__file__).parents[2]
REQUIREMENTS = sorted(ROOT.glob("requirements/*.txt"))


def read(path: str) -> str:
    return (ROOT / path).read_text()


def names(path: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+", read(path), re.MULTILINE))


@pytest.mark.parametrize("ros", ["jazzy sourced", "jazzy wheels", "kilted wheels"])
def test_what_the_set_up_installs_is_there(ros, tmp_path):
    files = Setup(ros, tmp_path / "venv").requirements()
    assert [file for file in files if not file.is_file()] == []
    assert {"torch", "rosbags", "onnxruntime"} <= {
        name for file in files for name in names(str(file.relative_to(ROOT)))
    }


def test_version_is_the_same_everywhere():
    manifest = ElementTree.fromstring(read("package.xml")).findtext("version")
    setup = re.search(r'version="(.+?)"', read("setup.py"))[1]
    changelog = re.search(r"^(\d+\.\d+\.\d+) \(.+\)\n-+$", read("CHANGELOG.rst"), re.MULTILINE)[1]
    assert manifest == setup == changelog


def test_every_message_is_built():
    listed = re.findall(r"^\s+(msg/\w+\.msg)$", read("CMakeLists.txt"), re.MULTILINE)
    present = sorted(f"msg/{path.name}" for path in ROOT.glob("msg/*.msg"))
    assert sorted(listed) == present


def test_every_folder_of_code_is_packaged():
    folders = {path.parent for path in ROOT.glob("jcc_ros/**/*.py")}
    expected = {str(folder.relative_to(ROOT)).replace("/", ".") for folder in folders}
    assert set(find_packages(ROOT, include=["jcc_ros", "jcc_ros.*"])) == expected


def test_generated_messages_have_no_folder_in_the_way():
    assert not (ROOT / "jcc_ros/msg").exists()


@pytest.mark.parametrize("program", ["camera", "classifier", "encoder", "recorder"])
def test_every_node_is_a_program(program):
    assert f"install_program({program} jcc_ros.nodes.{program})" in read("CMakeLists.txt")
    assert PathFinder.find_spec(program, [str(ROOT / "jcc_ros/nodes")])


def imported(path: Path) -> set[str]:
    """The packages that a file imports, without its own and the standard library's."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
    packages = {name.partition(".")[0] for name in found}
    return packages - {"jcc_ros"} - set(sys.stdlib_module_names)


def test_every_import_is_asked_for():
    manifest = {element.text for element in ElementTree.fromstring(read("package.xml"))}
    asked = names("requirements/base.txt") | {"dask"}  # an extra of setup.py
    distributions = packages_distributions()
    files = [*ROOT.glob("jcc_ros/**/*.py"), *ROOT.glob("launch/*.py")]
    packages = set.union(*(imported(file) for file in files))
    missing = {
        package
        for package in packages - manifest
        if not asked & {name.lower().replace("_", "-") for name in distributions.get(package, [])}
    }
    assert missing == set()


def test_every_room_is_tested_by_colcon():
    rooms = re.search(r"foreach\(room (.+)\)", read("CMakeLists.txt"))[1].split()
    assert set(rooms) == {file.parent.name for file in ROOT.glob("test/*/test_*.py")}


def test_programs_are_executable_when_linked():
    assert os.access(ROOT / "tools/program.py.in", os.X_OK)


def test_every_bound_has_a_pin():
    nodes, offline = names("requirements/nodes.txt"), names("requirements/offline.txt")
    assert not nodes & offline
    assert nodes | offline == names("requirements/base.txt")


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_requirements_name_no_index(path):
    assert "://" not in path.read_text()


def test_pip_installs_what_robot_and_host_need(tmp_path):
    for name in ("jcc_ros", "msg", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    words = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "."]
    subprocess.run([sys.executable, "-m", "pip", *words], cwd=tmp_path, check=True, timeout=120)
    (wheel,) = (tmp_path / "wheels").glob("jcc_ros-*.whl")
    with ZipFile(wheel) as archive:
        (file,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = archive.read(file).decode()
        assert "jcc_ros/commands/cli.py" in archive.namelist()
    needed = re.findall(r"^Requires-Dist: ([\w.-]+)(?!.*extra)", metadata, re.MULTILINE)
    assert set(needed) == names("requirements/base.txt")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout of git")
def test_git_ignores_what_the_pages_have_a_user_write():
    """In a checkout that was used as they say, `git status` shows one's own changes alone."""
    asks = r"--(?:out|record|runs)|record:=|jcc data (?:digits|cifar \S+)|test/photos\.py"
    written = {"models/photos/", "models/round/"}
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for path in re.findall(rf"(?:{asks}) ?([a-z][\w./-]*)", page.read_text()):
            written.add(path if Path(path).suffix else f"{path}/")
    assert {"mine/digits/", "run1/", "digits.npz", "photos-test/"} <= written
    told = subprocess.run(
        ["git", "check-ignore", "--no-index", *sorted(written)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert set(told.stdout.split()) == written, told.stderr
