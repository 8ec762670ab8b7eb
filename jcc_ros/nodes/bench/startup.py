"""From the start of encoder and classifier to their first label, and the memory that it takes."""

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from jcc_ros.msg import Classification
from jcc_ros.nodes.images import rgb8_image
from jcc_ros.nodes.installed import node_environment
from jcc_ros.nodes.processes import Nodes
from jcc_ros.nodes.watch import until, watching

_FPS = 30.0
_LIMIT = 60.0  # s
_SETTLE = 2.0  # s of frames before memory is measured


@dataclass(frozen=True)
class Startup:
    """One start of both nodes.

    Attributes:
        seconds: from the start of both processes to the first label.
        memory: resident bytes of the encoder a moment later, by what holds them.
    """

    seconds: float
    memory: dict[str, int]


class _Camera(Node):
    """Publishes a 640x480 image all the time, and notes whether a label has come."""

    def __init__(self, context: Context) -> None:
        super().__init__("startup", context=context)
        self.labelled = False
        self._image = rgb8_image(np.zeros((480, 640, 3), np.uint8))
        self._images = self.create_publisher(Image, "image_raw", qos_profile_sensor_data)
        self.create_subscription(Classification, "image_raw/labels", self._note, 10)
        self.create_timer(1 / _FPS, self._show)

    def _show(self) -> None:
        self._image.header.stamp = self.get_clock().now().to_msg()
        self._images.publish(self._image)

    def _note(self, message: Classification) -> None:
        self.labelled = True


def start_both(model: Path, scratch: Path) -> Startup:
    """Start both nodes beside a camera that runs already, and wait for the first label.

    Args:
        model: folder of the model.
        scratch: folder for what the nodes print.
    Raises:
        StartError: no label within a minute, or a node ended.
    """
    environment = node_environment()
    os.environ.update(environment)  # for the camera, which is here
    nodes = Nodes(scratch, environment)
    with watching(_Camera) as (camera, serve):
        started = time.monotonic()
        try:
            encoder = nodes.start("encoder", model=model.resolve())
            nodes.start("classifier", models=f"['{model.resolve()}']")
            if not until(serve, lambda: camera.labelled, _LIMIT, nodes.ended):
                raise nodes.failure("no label was received")
            seconds = time.monotonic() - started
            serve(_SETTLE)
            return Startup(seconds, resident(encoder))
        finally:
            nodes.stop()


def resident(process: int) -> dict[str, int]:
    """Return the bytes of memory that a process has in RAM, by what holds them.

    Files count by the package or library that they belong to, though processes share them; the
    rest is "heap" (what the process itself has written) and "shared memory" (of the middleware).
    """
    held: Counter[str] = Counter()
    owner = ""
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        key, *values = line.split(maxsplit=5)
        if key == "Rss:":
            held[owner] += int(values[0]) * 1024
        elif not key.endswith(":"):
            owner = _owner(values[4] if len(values) > 4 else "")
    return dict(held.most_common())


def _owner(path: str) -> str:
    """Return what the file of a mapping belongs to."""
    if path.startswith("/dev/shm"):
        return "shared memory"
    if not path.startswith("/"):
        return "heap"
    parts = Path(path).parts
    packages = ("site-packages", "dist-packages")
    inside = [index for index, part in enumerate(parts) if part in packages]
    if inside and inside[-1] + 2 < len(parts):
        return parts[inside[-1] + 1].removesuffix(".libs")
    return parts[-1].split(".so")[0]
