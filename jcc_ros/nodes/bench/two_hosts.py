"""Cameras and an encoder on one side of a real link, the classifier on the other."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder
from jcc_ros.nodes.bench.veth import HOST, ROBOT, Capture, enter, link
from jcc_ros.nodes.installed import node_environment
from jcc_ros.nodes.monitor import Monitor
from jcc_ros.nodes.processes import Nodes
from jcc_ros.nodes.watch import Serve, own_domain, until, watching

_START_LIMIT = 60.0  # s


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
            StartError: no frame is sent within a minute, or a node ended.
        """
        needed = ("encoder", "classifier", *names)
        for name in names:
            self._nodes.start("camera", name, source=self._images, fps=fps)
        try:
            with watching(partial(Monitor, f"/{names[0]}/image_raw")) as (monitor, serve):

                def sent() -> bool:
                    status = monitor.status
                    return status is not None and any(topic.fps_sent for topic in status.topics)

                def ended() -> list[str]:
                    # Others may have been stopped: the cameras of an earlier measurement.
                    return sorted(self._nodes.ended().keys() & needed)

                if not until(serve, sent, _START_LIMIT, ended):
                    gone = ended()
                    problem = f"{' and '.join(gone)} exited" if gone else "no frame was sent"
                    raise self._nodes.failure(problem, *(gone or needed))
                yield monitor, serve
        finally:
            self._nodes.stop(*names)


@contextmanager
def two_hosts(model: Path) -> Iterator[TwoHosts]:
    """Join two network namespaces and run the classifier in one; this process moves to the other.

    Raises:
        LinkError: root, iproute2 or tcpdump is missing.
    """
    domain = own_domain()
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
