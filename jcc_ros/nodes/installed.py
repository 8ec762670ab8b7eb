"""Models and configuration that are installed with jcc_ros."""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError


def share() -> Path:
    """Return the folder of jcc_ros's installed models, configuration and launch files."""
    return Path(get_package_share_directory("jcc_ros"))


FASTDDS = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": "fastrtps.xml",  # read by Fast DDS 2
    "FASTDDS_DEFAULT_PROFILES_FILE": "fastdds.xml",  # by Fast DDS 3
}


def fastdds_profile(chosen: str = "") -> dict[str, str]:
    """Return environment variables that name the settings of Fast DDS.

    Args:
        chosen: a file; "none" for no variables; empty for this package's files, unless the
            environment names one already.
    """
    if chosen and chosen != "none":
        return dict.fromkeys(FASTDDS, chosen)
    if chosen == "none" or any(name in os.environ for name in FASTDDS):
        return {}
    return {name: str(share() / "config" / file) for name, file in FASTDDS.items()}


def find_model(name: str) -> Path:
    """Return the folder of a model: a path, or the name of one that is installed with jcc_ros.

    Raises:
        ModelFileError: neither.
    """
    for folder in (Path(name).expanduser(), share() / "models" / name):
        if any((folder / file).is_file() for file in (ENCODER_FILE, CLASSIFIER_FILE)):
            return folder
    installed = sorted(folder.name for folder in (share() / "models").glob("*"))
    raise ModelFileError(
        f"model {name!r}: no folder with {ENCODER_FILE} or {CLASSIFIER_FILE}, "
        f"and none of the installed models: {', '.join(installed)}"
    )
