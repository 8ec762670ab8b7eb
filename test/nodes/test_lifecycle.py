"""The life cycle of both nodes, through the services that `ros2 lifecycle set` calls."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from harness import DIGITS, Fleet, NodeProcess, Probe, Robot
from lifecycle_msgs.msg import Transition

ENCODER = "/managed/encoder"
CLASSIFIER = "/managed/classifier"


@pytest.fixture(scope="module")
def nodes(fleet: Fleet) -> dict[str, NodeProcess]:
    return {
        ENCODER: fleet.start("encoder", "/managed", model=DIGITS, autostart=False),
        CLASSIFIER: fleet.start("classifier", "/managed", models=[str(DIGITS)], autostart=False),
    }


@pytest.fixture(scope="module")
def robot(probe: Probe) -> Robot:
    return Robot(probe, "/managed")


def test_a_node_waits_unconfigured_without_autostart(
    nodes: dict[str, NodeProcess], probe: Probe
) -> None:
    for name, process in nodes.items():
        assert probe.state(name) == "unconfigured"
        assert "model digits" not in process.output()
    assert probe.count_publishers("/managed/image_raw/latent") == 0


def test_up_down_and_up_again(
    nodes: dict[str, NodeProcess], probe: Probe, robot: Robot, few: np.ndarray
) -> None:
    for name, process in nodes.items():
        assert probe.change(name, Transition.TRANSITION_CONFIGURE)
        assert probe.state(name) == "inactive"
        process.logged("model digits [0-9a-f]{8}")
    assert probe.count_publishers("/managed/image_raw/latent") == 0

    for name in nodes:
        assert probe.change(name, Transition.TRANSITION_ACTIVATE)
        assert probe.state(name) == "active"
    first = robot.warm_up(few[0])

    for name, process in nodes.items():
        assert probe.change(name, Transition.TRANSITION_DEACTIVATE)
        assert probe.state(name) == "inactive"
        process.logged("image_raw.*: .*dropped: ")
    probe.until(lambda: not probe.count_publishers("/managed/image_raw/latent"), "end of latents")
    probe.until(lambda: not probe.count_publishers("/managed/image_raw/labels"), "end of labels")
    assert robot.images.get_subscription_count() == 0

    for name in nodes:
        assert probe.change(name, Transition.TRANSITION_ACTIVATE)
    robot.labels.clear()
    robot.latents.clear()
    again = robot.warm_up(few[1])
    # Counts run from activation, and start anew.
    status = robot.report(lambda s: bool(s.topics and s.topics[0].frames_sent))
    assert status.topics[0].frames_in == again
    assert first >= 1

    for name in nodes:
        assert probe.change(name, Transition.TRANSITION_DEACTIVATE)
        assert probe.change(name, Transition.TRANSITION_CLEANUP)
        assert probe.state(name) == "unconfigured"
    for name in nodes:
        assert probe.change(name, Transition.TRANSITION_CONFIGURE)
        assert probe.change(name, Transition.TRANSITION_CLEANUP)


def test_transitions_that_make_no_sense_are_refused(
    nodes: dict[str, NodeProcess], probe: Probe
) -> None:
    for name in nodes:
        assert probe.state(name) == "unconfigured"
        assert not probe.change(name, Transition.TRANSITION_ACTIVATE)
        assert not probe.change(name, Transition.TRANSITION_DEACTIVATE)
        assert probe.state(name) == "unconfigured"


def test_shutdown_from_active(fleet: Fleet, nodes: dict[str, NodeProcess], probe: Probe) -> None:
    for name, process in nodes.items():
        assert probe.change(name, Transition.TRANSITION_CONFIGURE)
        assert probe.change(name, Transition.TRANSITION_ACTIVATE)
        assert probe.change(name, Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert probe.state(name) == "finalized"
        process.stop()
        assert process.wait() == 0


def test_a_bad_model_leaves_the_node_unconfigured_and_can_be_retried(
    fleet: Fleet, probe: Probe, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    encoder = fleet.start("encoder", "/retried", model=folder, autostart=False)
    classifier = fleet.start("classifier", "/retried", models=[str(folder)], autostart=False)
    for name, process in (("encoder", encoder), ("classifier", classifier)):
        assert not probe.change(f"/retried/{name}", Transition.TRANSITION_CONFIGURE)
        assert probe.state(f"/retried/{name}") == "unconfigured"
        process.logged(f"cannot configure: .*{folder}")
    shutil.copytree(DIGITS, folder)
    for name in ("encoder", "classifier"):
        assert probe.change(f"/retried/{name}", Transition.TRANSITION_CONFIGURE)
        assert probe.state(f"/retried/{name}") == "inactive"


def test_an_activation_that_fails_leaves_nothing_behind(fleet: Fleet, probe: Probe) -> None:
    nonsense = {"qos_overrides./odd/image_raw.subscription.reliability": "nonsense"}
    encoder = fleet.start("encoder", "/odd", model=DIGITS, autostart=False, **nonsense)
    for _ in range(2):
        assert probe.change("/odd/encoder", Transition.TRANSITION_CONFIGURE)
        assert not probe.change("/odd/encoder", Transition.TRANSITION_ACTIVATE)
        assert probe.state("/odd/encoder") == "unconfigured"
    encoder.logged("on_activate: .*nonsense")
    probe.until(lambda: not probe.count_publishers("/odd/image_raw/latent"), "no publisher")


def test_autostart_with_a_bad_model_ends_with_status_1(fleet: Fleet, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated"
    shutil.copytree(DIGITS, truncated)
    copy = tmp_path / "copy"
    shutil.copytree(DIGITS, copy)
    for file in truncated.iterdir():
        file.write_bytes(file.read_bytes()[:-1000])
    started = [
        (fleet.start("encoder", "/bad", model=truncated), truncated),
        (fleet.start("classifier", "/bad", models=[str(DIGITS), str(truncated)]), truncated),
        (fleet.start("encoder", "/bad", model="no_such_model"), "no_such_model"),
        (fleet.start("classifier", "/bad", models=[str(DIGITS), str(copy)]), copy),
    ]
    for process, name in started:
        assert process.wait() == 1, process.output()
        assert "cannot configure" in process.output()
        assert str(name) in process.output()
        assert "Traceback" not in process.output()
