"""The gathering: help without a wait, errors without a traceback."""

import argparse
import importlib
import os
import subprocess
import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jcc_ros.commands import cli

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(file.stem for file in Path(cli.__file__).parent.glob("[!_]*.py"))
for helper in ("cli", "arguments"):
    COMMANDS.remove(helper)
ROS_COMMANDS = ("congestion", "demo", "hop", "link", "swarm", "top")


def test_help_lists_every_command(jcc):
    outcome = jcc("--help")
    assert outcome.status == 0
    listed = {line.split()[0] for line in outcome.out.splitlines() if line.startswith("    ")}
    assert set(COMMANDS) <= listed


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_within_80_columns(jcc, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    outcome = jcc(command, "--help")
    assert outcome.status == 0
    usage, _, explained = outcome.out.partition("\n\n")
    assert f"usage: jcc {command}" in usage
    assert max(map(len, explained.splitlines())) <= 80


def test_version_is_the_package_s(jcc):
    version = ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert jcc("--version").out == f"jcc {version}\n"


def test_help_imports_nothing_slow():
    code = (
        "import sys\n"
        "from jcc_ros.commands import cli\n"
        "try: cli.main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'torch', 'numpy', 'cv2', 'sklearn', 'matplotlib', 'rclpy', 'constriction'}\n"
        "sys.exit(str(slow & sys.modules.keys()) if slow & sys.modules.keys() else 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["train"],
        ["train", "a.yaml", "--threads", "0"],
        ["train", "a.yaml", "--threads", "many"],
        ["train", "a.yaml", "--resume", "--restart"],
        ["train", "a.yaml", "--device", "toaster"],
        ["evaluate", "model"],
        ["evaluate", "model", "data", "--points", "1,x"],
        ["evaluate", "model", "data", "--limit", "-3"],
        ["data", "nonsense", "out"],
        ["data", "digits", "out", "--part", "half"],
        ["train", "a.yaml", "--rest"],
        ["data", "digits", "out", "--par", "test"],
        ["--vers"],
    ],
)
def test_wrong_usage(jcc, words):
    outcome = jcc(*words)
    assert outcome.status == 2
    assert "usage: jcc" in outcome.err


def _command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Replace the commands by one, `broken`, that raises."""

    def run(_: object) -> int:
        raise error

    module = types.ModuleType("jcc_ros.commands.broken", "Break.")
    module.add_arguments = lambda parser: None
    module.run = run
    monkeypatch.setattr(cli, "_modules", lambda: [module])


def test_ctrl_c_is_quiet(jcc, monkeypatch):
    _command(monkeypatch, KeyboardInterrupt())
    outcome = jcc("broken")
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "")


def test_ctrl_c_while_commands_are_read_is_quiet(jcc, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_modules", interrupted)
    outcome = jcc("broken")
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "")


def test_expected_errors_are_one_line(refused, monkeypatch):
    _command(monkeypatch, PermissionError(13, "Permission denied", "models"))
    assert "models" in refused("broken")


@pytest.mark.parametrize(("module", "name"), cli._EXPECTED.items())
def test_what_a_user_can_mend_is_told_without_a_traceback(refused, monkeypatch, module, name):
    error = getattr(pytest.importorskip(module), name)
    _command(monkeypatch, error("what is wrong"))
    assert refused("broken") == "jcc broken: what is wrong\n"


@pytest.mark.parametrize(
    "defect", [ValueError("a defect"), ImportError("a defect", name="jcc_ros.nodes.gone")]
)
def test_defects_keep_their_traceback(jcc, monkeypatch, defect):
    _command(monkeypatch, defect)
    with pytest.raises(type(defect), match="a defect"):
        jcc("broken")


@pytest.mark.parametrize(
    ("command", "missing", "remedy"),
    [
        *[(name, "rclpy", "source a ROS 2 workspace") for name in ROS_COMMANDS],
        ("swarm", "onnxruntime", "requirements/nodes.txt"),
    ],
)
def test_what_a_command_needs_is_told(command, missing, remedy):
    code = (
        "import sys\n"
        f"sys.modules['{missing}'] = None\n"
        "from jcc_ros.commands import cli\n"
        f"sys.exit(cli.main(['{command}']))\n"
    )
    done = run_python(code)
    assert done.returncode == 1
    assert done.stderr.startswith(f"jcc {command}: ")
    assert len(done.stderr.splitlines()) == 1
    assert missing in done.stderr
    assert remedy in done.stderr


def test_errors_are_told_where_nothing_can_be_trained(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from jcc_ros.commands import cli\n"
        f"sys.exit(cli.main(['model', '{tmp_path}']))\n"
    )
    done = run_python(code)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "not a model folder" in done.stderr


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_reader_may_leave_early(tiny_model):
    command = f'"{sys.executable}" -m jcc_ros.commands.cli model "{tiny_model}" | head -n 1'
    shell = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.split() == ["name", "tiny"]
    assert shell.stderr == ""


@pytest.mark.parametrize("command", ROS_COMMANDS)
def test_every_option_is_explained(command):
    parser = argparse.ArgumentParser()
    importlib.import_module(f"jcc_ros.commands.{command}").add_arguments(parser)
    assert [action.dest for action in parser._actions if not action.help] == []


def test_time_that_is_too_short_for_the_encoder_is_refused_at_once(jcc):
    outcome = jcc("congestion", "--seconds", "5")
    assert outcome.status == 2
    assert "5: must be at least 6 s, as the encoder has 5 s" in outcome.err


def test_a_picture_that_cannot_be_written_is_told_before_the_measurement(
    jcc, refused, tmp_path, monkeypatch
):
    pytest.importorskip("rclpy")
    monkeypatch.setattr(
        "jcc_ros.networks.model_folder.model_folder", lambda name: pytest.fail("too late")
    )
    (tmp_path / "file").write_text("no folder")
    picture, results = tmp_path / "file" / "x.svg", tmp_path / "x.json"
    told = refused("congestion", "--plot", picture, "--json", results)
    assert "file/x.svg: cannot be written" in told
    outcome = jcc("congestion", "--plot", "x.picture")
    assert outcome.status == 2
    assert "does not end in .svg, .png, .pdf" in outcome.err


def test_a_picture_is_drawn_into_a_new_folder(tmp_path):
    from jcc_ros.commands.congestion import _plot

    row = {"captured_bps": 9e3, "estimate_bps": None, "latency_s": 0.1}
    args = argparse.Namespace(plot=tmp_path / "new" / "x.svg", seconds=6.0, target=16e3)
    _plot([{"time_s": float(second), **row} for second in range(12)], 8e3, args)
    assert [file.name for file in args.plot.parent.iterdir()] == ["x.svg"]
    assert "<svg" in args.plot.read_text()
