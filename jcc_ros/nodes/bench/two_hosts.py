"""Cameras and an encoder on one side of a real link, the classifier on the other."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder
from jcc_ros.nodes.bench.veth import HOST, ROBOT, Capture, enter, link
from jcc_ros.nodes.installed import node_environment
from jcc_ros.nodes.monitor import Monitor
from jcc_ros.nodes.processes import Nodes
from jcc_ros.nodes.watch import watching

_START_LIMIT = 60.0  # s

Serve = Callable[[float], None]


class TwoHosts:
    """What runs on both sides of the link.

    Args:
        nodes: starts nodes on the robot's side.
        images: folder for the cameras to play.
        model: folder.
        capture: of the link.
    """

    def __init__(self, nodes: Nodes, images: Path, model: Path, capture: Capture) -> None:
        self.capture = capture
        self._nodes = nodes
        self._images = images
        self._model = model

    @contextmanager
    def encoder(self, cameras: Sequence[str], **parameters: object) -> Iterator[None]:
        """Run an encoder for these cameras."""
        topics = str([f"/{camera}/image_raw" for camera in cameras])
        self._nodes.start("encoder", model=self._model, image_topics=topics, **parameters)
        try:
            yield
        finally:
            self._nodes.stop("encoder")

    @contextmanager
    def cameras(self, names: Sequence[str], fps: float) -> Iterator[tuple[Monitor, Serve]]:
        """Run cameras, once frames are sent; yield a monitor of the first, and what serves it.

        Raises:
            TimeoutError: no frame is sent.
        """
        for name in names:
            self._nodes.start("camera", name, source=self._images, fps=fps)
        try:
            with watching(partial(Monitor, f"/{names[0]}/image_raw")) as (monitor, serve):
                deadline = time.monotonic() + _START_LIMIT
                while not (monitor.status and any(t.fps_sent for t in monitor.status.topics)):
                    if time.monotonic() > deadline:
                        raise TimeoutError("encoder, classifier or camera did not start")
                    serve(0.1)
                yield monitor, serve
        finally:
            self._nodes.stop(*names)


@contextmanager
def two_hosts(model: Path) -> Iterator[TwoHosts]:
    """Join two network namespaces and run the classifier in one; this process moves to the other.

    Raises:
        LinkError: root, iproute2 or tcpdump is missing.
    """
    domain = int(os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100)))
    # The namespaces are two hosts, whatever was said about this one.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SUBNET"
    os.environ.pop("ROS_LOCALHOST_ONLY", None)
    os.environ.update(node_environment())
    with tempfile.TemporaryDirectory(prefix="jcc_link_") as scratch, link():
        folder = Path(scratch)
        save_folder(digits("test"), folder / "digits")
        enter(ROBOT)
        nodes = Nodes(folder, {})
        try:
            with Capture(folder / "packets", domain) as capture:
                host = ("ip", "netns", "exec", HOST)
                nodes.start("classifier", within=host, models=f"['{model}']")
                yield TwoHosts(nodes, folder / "digits", model, capture)
        finally:
            nodes.stop()
