"""Starts the encoder, on the robot.

    ros2 launch jcc_ros robot.launch.py namespace:=robot1 bitrate:=8000 topics:=front,rear

What an argument leaves empty is taken from the parameter file. `record:=run1` records images,
latents and status with `ros2 bag record`.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from jcc_ros.nodes import launching
from jcc_ros.nodes.installed import node_environment
from jcc_ros.nodes.recording import (
    encoder_topics,
    node_name,
    read_parameters,
    record_command,
)

CONFIG = Path(get_package_share_directory("jcc_ros"), "config")


def generate_launch_description():
    arguments = {
        "namespace": ("", "Namespace of the node and its topics."),
        "params_file": (CONFIG / "encoder.yaml", "Parameter file of the encoder."),
        "model": ("", "Model folder, or name of an installed model (empty: as in params_file)."),
        "topics": ("", "Image topics to encode, separated by commas (empty: as in params_file)."),
        "image_transport": (
            "",
            "Type of the image topics: raw or compressed (empty: as in params_file).",
        ),
        "bitrate": (
            "",
            "Target for all topics together, in bit/s at the IP layer; 0: no limit (empty: as in "
            "params_file).",
        ),
        "autostart": (
            "",
            "true: configure and activate the node at start; false: wait for "
            "`ros2 lifecycle set` (empty: as in params_file).",
        ),
        "log_level": ("info", "Log level: debug, info, warn, error or fatal."),
        "record": (
            "",
            "Folder to create for a recorded bag; it must not exist (empty: no recording).",
        ),
        "record_images": (
            "true",
            "true: record the images, too; false: leave them out, so that the bag stays as small "
            "as what the link carries.",
        ),
        "fastdds_profile": (
            "",
            "File of Fast DDS settings, or none to set no profile (empty: that of jcc_ros, unless "
            "the environment names one).",
        ),
    }
    return LaunchDescription(
        [
            *launching.declared(arguments),
            OpaqueFunction(function=recorder),
            OpaqueFunction(function=encoder),
        ]
    )


def encoder(context):
    given = launching.given(context)
    names = ("model", "image_transport", "bitrate", "autostart")
    parameters = {name: LaunchConfiguration(name) for name in names if name in given}
    if "topics" in given:
        parameters["image_topics"] = given["topics"].split(",")
    # For what is launched after it as well: a camera needs it, too.
    environment = node_environment(given.get("fastdds_profile", ""))
    return [
        *(SetEnvironmentVariable(*variable) for variable in environment.items()),
        Node(
            package="jcc_ros",
            executable="encoder",
            name="encoder",
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), parameters],
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
            output="screen",
        ),
    ]


def recorder(context):
    given = launching.given(context)
    if "record" not in given:
        return []
    namespace = given.get("namespace", "")
    settings = read_parameters(
        node_name("encoder", namespace), CONFIG / "encoder.yaml", given["params_file"]
    )
    transport = given.get("image_transport", settings["image_transport"])
    topics = encoder_topics(
        namespace,
        given["topics"].split(",") if "topics" in given else settings["image_topics"],
        compressed=transport == "compressed",
        images=given.get("record_images", "true").lower() == "true",
    )
    command = record_command(given["record"], topics)
    return [launching.recorder(command)]
