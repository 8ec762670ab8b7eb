"""Labels as vision_msgs/Classification, where that package is installed, and where it is not."""

from importlib.util import find_spec

import numpy as np
import pytest
from harness import DIGITS, Fleet, Probe, Robot, stamp_of

INSTALLED = find_spec("vision_msgs") is not None


@pytest.mark.skipif(INSTALLED, reason="vision_msgs is installed")
def test_without_the_package_the_reason_is_told(fleet: Fleet) -> None:
    node = fleet.start("classifier", models=[str(DIGITS)], vision_msgs=True)
    assert node.wait() == 1
    assert "the package vision_msgs is not installed" in node.output()
    assert "Traceback" not in node.output()


@pytest.mark.skipif(not INSTALLED, reason="vision_msgs is not installed, nor in the package index")
def test_both_messages_say_the_same(fleet: Fleet, probe: Probe, few: np.ndarray) -> None:
    from vision_msgs.msg import Classification

    fleet.start("encoder", "/seen", model=DIGITS)
    fleet.start("classifier", models=[str(DIGITS)], vision_msgs=True)
    robot = Robot(probe, "/seen")
    seen = probe.record(Classification, "/seen/image_raw/classification")
    robot.warm_up(few[0])
    label = robot.label(few[1], 5 * 10**9)
    probe.until(lambda: any(stamp_of(m) == 5 * 10**9 for m in seen), "the other message")
    (message,) = (m for m in seen if stamp_of(m) == 5 * 10**9)
    assert message.header == label.header
    assert [result.class_id for result in message.results] == list(label.labels)
    assert [result.score for result in message.results] == pytest.approx(list(label.scores))
