"""Message definitions for rosbags: those of ROS 2 and those of this package, without a ROS."""

from functools import cache
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.package_files import package_folders

LATENT = "jcc_ros/msg/Latent"
CLASSIFICATION = "jcc_ros/msg/Classification"
ENCODER_STATUS = "jcc_ros/msg/EncoderStatus"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
STRING = "std_msgs/msg/String"


@cache
def typestore() -> Typestore:
    """Return a store of ROS 2's common messages and this version's own.

    Raises:
        DataError: the .msg files of jcc_ros are nowhere to be found.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted(_definitions().glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"jcc_ros/msg/{file.stem}"))
    return store


def _definitions() -> Path:
    for folder in package_folders("msg"):
        if (folder / "Latent.msg").is_file():
            return folder
    raise DataError("the message definitions of jcc_ros (Latent.msg) are not installed")
