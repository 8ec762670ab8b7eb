"""Joint compression and classification: train, evaluate and inspect models, watch running nodes.

Every other module of this folder, but for `arguments`, is a sub-command of its name: its docstring
is the help, `add_arguments(parser)` declares what it takes, `run(args)` does it and returns the
exit status.
Whatever is slow to import is imported in `run`, so that asking for help costs nothing.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

_NO_COMMANDS = ("cli", "arguments")
# By module: what a user can cause and mend.
_EXPECTED = {
    "jcc_ros.codec.errors": "PacketError",
    "jcc_ros.datasets.images": "DataError",
    "jcc_ros.networks.model_file": "ModelFileError",
    "jcc_ros.nodes.bench.veth": "LinkError",
    "jcc_ros.nodes.monitor": "RefusedError",
    "jcc_ros.nodes.processes": "StartError",
    "jcc_ros.training.config": "ConfigError",
    "jcc_ros.training.run": "RunError",
}
# Modules that come with a ROS 2, or with the messages that colcon builds.
_ROS = re.compile(r"(rclpy|jcc_ros\.msg|ament_\w+|\w+_(msgs|srvs|interfaces))\b")
INTERRUPTED = 130  # exit status after Ctrl-C, as in shells


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that `arguments` (default: the command line's) name; return its status.

    0 is success, 1 an error that stderr explains, 2 wrong usage, 130 Ctrl-C.
    """
    try:
        return _run(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(args: argparse.Namespace) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be any bytes
    try:
        return args.run(args)
    except BrokenPipeError:
        # The reader (`jcc model ... | head`) has seen enough; keep the interpreter from flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ImportError as error:
        if not (remedy := _remedy(error.name or "")):
            raise
        print(f"jcc {args.command}: {error}; {remedy}", file=sys.stderr)
        return 1
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        print(f"jcc {args.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="jcc", description=_first_line(sys.modules[__name__]))
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in _modules():
        command = commands.add_parser(
            module.__name__.rpartition(".")[2],
            help=_first_line(module).rstrip("."),
            description=module.__doc__,
            formatter_class=_Paragraphs,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def _modules() -> list[ModuleType]:
    names = sorted(found.name for found in iter_modules([str(Path(__file__).parent)]))
    return [import_module(f"jcc_ros.commands.{name}") for name in names if name not in _NO_COMMANDS]


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").partition("\n")[0]


def _expected() -> tuple[type[Exception], ...]:
    """Errors that a user can cause and mend; anything else is a defect and keeps its traceback."""
    # What raised an error has imported its module, and some of them need packages that robots lack.
    known = ((sys.modules.get(module), name) for module, name in _EXPECTED.items())
    return (OSError, *(getattr(module, name) for module, name in known if module))


def _remedy(missing: str) -> str:
    """Return what helps against a module that is missing; nothing, where that is a defect."""
    if _ROS.match(missing):
        return "source a ROS 2 workspace with jcc_ros first"
    if missing.partition(".")[0] in ("", "jcc_ros"):
        return ""
    return "requirements/nodes.txt and requirements/offline.txt list what jcc needs"


class _Parser(argparse.ArgumentParser):
    """Takes options by their whole names: the start of one may be another's in a later version.

    Its sub-commands are of this class, too.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)


class _Paragraphs(argparse.HelpFormatter):
    """Fills the paragraphs of a description each for itself."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(fill(part, width, indent) for part in text.split("\n\n"))


class _Version(argparse.Action):
    """Looks the version up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"jcc {_version()}")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version
    from xml.etree import ElementTree

    # Run from a checkout, the manifest is nearer the truth than what may be installed besides.
    manifest = Path(__file__).parents[2] / "package.xml"
    if manifest.is_file():
        return ElementTree.parse(manifest).findtext("version", "unknown")
    try:
        return version("jcc_ros")
    except PackageNotFoundError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
