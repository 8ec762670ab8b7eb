"""Starts a camera that plays a folder of images, and the encoder and the classifier for it.

    ros2 launch jcc_ros demo.launch.py source:=/path/of/images model:=digits bitrate:=8000

Takes the arguments of robot.launch.py as well, and ends when the camera does. `record:=run1`
records all of it with `ros2 bag record`, from the first frame on.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import (
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from jcc_ros.nodes import launching
from jcc_ros.nodes.recording import classifier_topics, encoder_topics, record_command

SHARE = Path(get_package_share_directory("jcc_ros"))


def generate_launch_description():
    arguments = {
        "source": (None, "Folder of images, or video file, for the camera to play."),
        "fps": ("", "Frames published per second (empty: as in camera_params_file)."),
        "frames": (
            "",
            "Number of frames to play before everything ends; 0: play for ever (empty: as in "
            "camera_params_file).",
        ),
        "camera_params_file": (SHARE / "config/camera.yaml", "Parameter file of the camera."),
        "record": (
            "",
            "Folder to create for a recorded bag; it must not exist (empty: no recording).",
        ),
    }
    return LaunchDescription(
        [
            *launching.declared(arguments),
            OpaqueFunction(function=recorder),
            # Groups: the defaults of one file must not be taken for arguments of the next.
            GroupAction(
                [
                    include("robot", topics="image_raw", record=""),
                    OpaqueFunction(function=camera),
                ]
            ),
            GroupAction(
                [
                    include(
                        "host",
                        topics="image_raw/latent",
                        record="",
                        models=LaunchConfiguration("model", default=""),
                    )
                ]
            ),
        ]
    )


def include(name, **arguments):
    path = str(SHARE / f"launch/{name}.launch.py")
    return IncludeLaunchDescription(path, launch_arguments=arguments.items())


def recorder(context):
    given = launching.given(context)
    if "record" not in given:
        return []
    namespace = given.get("namespace", "")
    images = given.get("record_images", "true").lower() == "true"
    topics = classifier_topics(namespace, ["image_raw/latent"])
    for compressed in (False, True):  # the camera sends one of them
        topics |= encoder_topics(namespace, ["image_raw"], compressed=compressed, images=images)
    command = record_command(given["record"], topics)
    return [
        # Recorders find a camera later than encoders do.
        SetLaunchConfiguration("subscribers", "2" if images else ""),
        launching.recorder(command),
    ]


def camera(context):
    given = launching.given(context)
    names = ("source", "image_transport", "fps", "frames", "subscribers")
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
