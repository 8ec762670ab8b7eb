"""Lets the interpreter of a virtual environment find ROS 2 and jcc_ros with nothing sourced.

setup_env.py copies this file into the environment, with a .pth file that calls `enter` whenever
the interpreter starts. What the shell has sourced comes first: the environment is an underlay.
"""

import os
import sys


def enter(variables: dict[str, list[str]], folders: list[str]) -> None:
    """Append to environment variables, and put folders before the installed packages.

    Args:
        variables: name of a variable that holds a search path, and what belongs on it.
        folders: where to import from.
    """
    changed = False
    for name, wanted in variables.items():
        present = [entry for entry in os.environ.get(name, "").split(os.pathsep) if entry]
        missing = [entry for entry in wanted if entry not in present]
        if missing:
            os.environ[name] = os.pathsep.join(present + missing)
            changed = True
    # The ROS wheels would start python a second time, to the same end.
    os.environ["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"
    if changed and sys.executable:
        # LD_LIBRARY_PATH and PYTHONPATH are read only when a process starts.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    here = os.path.dirname(__file__)
    index = sys.path.index(here) if here in sys.path else len(sys.path)
    sys.path[index:index] = [folder for folder in folders if folder not in sys.path]
