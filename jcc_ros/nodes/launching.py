"""What the launch files share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, ExecuteProcess


def declared(arguments: Mapping[str, tuple[object, str]]) -> list[DeclareLaunchArgument]:
    """Return the declarations of launch arguments: by name default and description.

    None in the place of a default: the argument has to be given.
    """
    return [
        DeclareLaunchArgument(
            name,
            default_value=None if default is None else str(default),
            description=description,
        )
        for name, (default, description) in arguments.items()
    ]


def given(context: LaunchContext) -> dict[str, str]:
    """Return the launch arguments that are not empty.

    Raises:
        RuntimeError: a parameter file is missing; launch would only warn, and the node run with its
            defaults, which have no limit on the bit rate.
    """
    found = {name: text for name, text in context.launch_configurations.items() if text}
    for name, text in found.items():
        if name.endswith("params_file") and not Path(text).is_file():
            raise RuntimeError(f"{name}: {text} is not a file")
    return found


def recorder(command: Sequence[str]) -> ExecuteProcess:
    """Return the action that runs a `ros2 bag record`, which gets time to finish its bag."""
    return ExecuteProcess(cmd=list(command), output="screen", sigterm_timeout="30")
