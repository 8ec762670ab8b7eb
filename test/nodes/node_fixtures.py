"""Fixtures of tests with nodes: a ROS domain, node processes, the test's own node."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from harness import Fleet, Probe, free_domain
from rclpy.signals import SignalHandlerOptions

from jcc_ros.nodes.installed import node_environment


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, Any, pytest.TestReport]:
    """Show what the nodes of a test that failed have said."""
    report = yield
    if report.failed and "fleet" in item.funcargs:
        for command, output in item.funcargs["fleet"].outputs():
            report.sections.append((f"output of {command}", output))
    return report


@pytest.fixture(scope="session", autouse=True)
def ros(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """ROS in this process and its children, on a domain of their own."""
    if rclpy.ok():  # a test run of several folders has this fixture once for each
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(free_domain()))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("log")))
        patch.setenv("PYTHONUNBUFFERED", "1")
        for name, value in node_environment().items():  # as launch files do
            patch.setenv(name, value)
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        yield
        rclpy.try_shutdown()


@pytest.fixture(scope="module")
def fleet(ros: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Node processes of one module."""
    fleet = Fleet(tmp_path_factory.mktemp("nodes"))
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def probe(ros: None, request: pytest.FixtureRequest) -> Iterator[Probe]:
    """The test's own node."""
    probe = Probe(Path(request.node.name).stem)
    yield probe
    probe.destroy_node()


@pytest.fixture(scope="session")
def few() -> np.ndarray:
    """Twenty digits, [20, 32, 32, 3]."""
    from jcc_ros.datasets.digits import digits

    return digits("test").images[:20]
