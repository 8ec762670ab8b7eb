"""Starts the classifier, on the remote host.

    ros2 launch jcc_ros host.launch.py models:=digits,cifar10 topics:=/robot1/front/latent

What an argument leaves empty is taken from the parameter file. `record:=run1` records the labels
with `ros2 bag record`; latents are recorded on the robot, at no cost of the link.
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
    classifier_topics,
    node_name,
    read_parameters,
    record_command,
)

CONFIG = Path(get_package_share_directory("jcc_ros"), "config")


def generate_launch_description():
    arguments = {
        "namespace": ("", "Namespace of the node."),
        "params_file": (CONFIG / "classifier.yaml", "Parameter file of the classifier."),
        "models": (
            "",
            "Model folders, or names of installed models, separated by commas (empty: as in "
            "params_file).",
        ),
        "topics": (
            "",
            "Latent topics to classify, or patterns with *, separated by commas (empty: as in "
            "params_file).",
        ),
        "shard": (
            "",
            "INDEX/COUNT: of the topics that patterns find, take only this part, such as 0/2 on "
            "one host and 1/2 on another (empty: as in params_file).",
        ),
        "record": (
            "",
            "Folder to create for a recorded bag; it must not exist (empty: no recording).",
        ),
        "fastdds_profile": (
            "",
            "File of Fast DDS settings, or none to set no profile (empty: that of jcc_ros, unless "
            "the environment names one).",
        ),
        "autostart": (
            "",
            "true: configure and activate the node at start; false: wait for "
            "`ros2 lifecycle set` (empty: as in params_file).",
        ),
        "log_level": ("info", "Log level: debug, info, warn, error or fatal."),
    }
    return LaunchDescription(
        [
            *launching.declared(arguments),
            OpaqueFunction(function=recorder),
            OpaqueFunction(function=classifier),
        ]
    )


def classifier(context):
    given = launching.given(context)
    names = ("shard", "autostart")
    parameters = {name: LaunchConfiguration(name) for name in names if name in given}
    for argument, name in (("models", "models"), ("topics", "latent_topics")):
        if argument in given:
            parameters[name] = given[argument].split(",")
    environment = node_environment(given.get("fastdds_profile", ""))
    return [
        *(SetEnvironmentVariable(*variable) for variable in environment.items()),
        Node(
            package="jcc_ros",
            executable="classifier",
            name="classifier",
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
        node_name("classifier", namespace), CONFIG / "classifier.yaml", given["params_file"]
    )
    topics = given["topics"].split(",") if "topics" in given else settings["latent_topics"]
    command = record_command(given["record"], classifier_topics(namespace, topics))
    return [launching.recorder(command)]
