"""Starts a camera that plays a folder of images, and the encoder and the classifier for it.

    ros2 launch jcc_ros demo.launch.py source:=/path/of/images model:=digits bitrate:=8000

Takes the arguments of robot.launch.py as well, and ends when the camera does.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

SHARE = Path(get_package_share_directory("jcc_ros"))


def generate_launch_description():
    return LaunchDescription(
        [
            DeclareLaunchArgument("source", description="Folder of images, or a video, to play."),
            DeclareLaunchArgument("fps", default_value="", description="Frames a second."),
            DeclareLaunchArgument(
                "frames", default_value="", description="End after so many; 0: play for ever."
            ),
            DeclareLaunchArgument(
                "camera_params_file",
                default_value=str(SHARE / "config/camera.yaml"),
                description="Parameters of the camera.",
            ),
            # Groups: the defaults of one file must not be taken for arguments of the next.
            GroupAction([include("robot", topics="image_raw"), OpaqueFunction(function=camera)]),
            GroupAction(
                [
                    include(
                        "host",
                        topics="image_raw/latent",
                        models=LaunchConfiguration("model", default=""),
                    )
                ]
            ),
        ]
    )


def include(name, **arguments):
    path = str(SHARE / f"launch/{name}.launch.py")
    return IncludeLaunchDescription(path, launch_arguments=arguments.items())


def camera(context):
    given = {name: text for name, text in context.launch_configurations.items() if text}
    names = ("source", "image_transport", "fps", "frames")
    return [
        Node(
            package="jcc_ros",
            executable="camera",
            name="camera",
            namespace=LaunchConfiguration("namespace"),
            parameters=[
                LaunchConfiguration("camera_params_file"),
                {name: LaunchConfiguration(name) for name in names if name in given},
            ],
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
            output="screen",
            on_exit=Shutdown(),
        )
    ]
