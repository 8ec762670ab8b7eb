"""What a measurement says of nodes that do not do what it needs, wherever they run."""

import shutil
from collections.abc import Iterator
from functools import partial
from math import inf
from pathlib import Path

import pytest
from harness import DIGITS, Fleet

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder
from jcc_ros.nodes.bench import two_hosts
from jcc_ros.nodes.bench.two_hosts import TwoHosts
from jcc_ros.nodes.bench.veth import Capture, LinkError
from jcc_ros.nodes.monitor import Monitor, RefusedError
from jcc_ros.nodes.processes import Nodes, StartError
from jcc_ros.nodes.watch import watching


@pytest.fixture
def nodes(ros: None, tmp_path: Path) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path, {})
    yield nodes
    nodes.stop()


@pytest.mark.parametrize(
    ("ended", "bitrate", "reason"),
    [("encoder", 2e9, "bitrate: .*2000000000"), ("camera", 8e3, "source: no images")],
)
def test_a_node_that_ends_is_told_at_once_with_its_reason(
    nodes: Nodes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ended: str,
    bitrate: float,
    reason: str,
) -> None:
    monkeypatch.setattr(two_hosts, "_START_LIMIT", inf)
    images = tmp_path / "images"
    images.mkdir()
    if ended != "camera":
        save_folder(digits("test").sample(5, seed=0), images)
    hosts = TwoHosts(nodes, images, DIGITS, capture=None)
    with (
        pytest.raises(StartError, match=rf"^{ended} exited\n--- {ended}\n.*{reason}"),
        hosts.encoder(["camera"], bitrate=bitrate),
        hosts.cameras(["camera"], fps=5),
    ):
        pytest.fail("frames, although a node has ended")
    assert nodes.ended().keys() == {"encoder", "camera"}


@pytest.mark.skipif(not shutil.which("ip"), reason="needs iproute2")
def test_a_capture_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    with (
        # There is no such namespace.
        pytest.raises(LinkError, match=r"tcpdump cannot capture: .*jcc_host"),
        Capture(tmp_path / "packets", domain=0),
    ):
        pytest.fail("a capture of nothing")


def test_a_value_that_a_node_refuses_is_told_with_its_reason(fleet: Fleet) -> None:
    fleet.start("encoder", "/refusing", model=DIGITS).logged("operating points")
    with (
        watching(partial(Monitor, "/refusing/image_raw")) as (monitor, _),
        pytest.raises(RefusedError, match=r"^/refusing/encoder: bitrate: "),
    ):
        monitor.set_parameter("/refusing/encoder", "bitrate", 2e9)
