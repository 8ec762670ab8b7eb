"""Configuration that is installed with jcc_ros."""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory


def share() -> Path:
    """Return the folder of jcc_ros's installed configuration and launch files."""
    return Path(get_package_share_directory("jcc_ros"))


_FASTDDS = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": "fastrtps.xml",  # read by Fast DDS 2
    "FASTDDS_DEFAULT_PROFILES_FILE": "fastdds.xml",  # by Fast DDS 3
}
# The buffers of an image stay with the process that freed them. As glibc is set, they go back to
# the kernel, and the next image costs 600 page faults, a third of its way between processes.
_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}


def node_environment(fastdds_profile: str = "") -> dict[str, str]:
    """Return the environment variables with which nodes pass images on quickly and are found.

    What the environment says already stays.

    Args:
        fastdds_profile: a file with settings of Fast DDS in the place of this package's, or "none".
    """
    malloc = {name: value for name, value in _MALLOC.items() if name not in os.environ}
    if fastdds_profile and fastdds_profile != "none":
        return {**malloc, **dict.fromkeys(_FASTDDS, fastdds_profile)}
    if fastdds_profile == "none" or any(name in os.environ for name in _FASTDDS):
        return malloc
    return {**malloc, **{name: str(share() / "config" / file) for name, file in _FASTDDS.items()}}
