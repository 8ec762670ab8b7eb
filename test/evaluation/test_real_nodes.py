"""A bag of the real nodes over real DDS: what they reported and what is found in it agree."""

import os
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 here")

from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible  # noqa: E402

from jcc_ros.evaluation.examine import examine  # noqa: E402
from jcc_ros.evaluation.plan import Options  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "digits"
FRAMES, FPS, BITRATE = 60, 20.0, 16_000.0
LIMIT = 60.0  # s


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a bag of camera, encoder and classifier, and what a monitor counted meanwhile."""
    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.files import save_folder
    from jcc_ros.nodes.installed import node_environment
    from jcc_ros.nodes.monitor import Monitor
    from jcc_ros.nodes.processes import Nodes
    from jcc_ros.nodes.watch import watching

    folder = tmp_path_factory.mktemp("real")
    save_folder(digits("test").sample(100, seed=0), folder / "images")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as logs:
        patch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))  # above, ports may be taken
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        nodes = Nodes(Path(logs), node_environment())
        deadline = time.monotonic() + LIMIT

        def until(reached, serve) -> None:
            while not reached():
                assert time.monotonic() < deadline, nodes.output("recorder")
                serve(0.05)

        try:
            nodes.start("recorder", bag=folder / "bag")
            nodes.start("encoder", model=MODEL, bitrate=BITRATE)
            nodes.start("classifier", models=f"['{MODEL}']")
            with watching(Monitor) as (monitor, serve):
                until(monitor.ready, serve)
                until(monitor.recorded, serve)
                nodes.start(
                    "camera",
                    source=folder / "images",
                    fps=FPS,
                    frames=FRAMES,
                    subscribers=2,
                    # Small frames: a busy machine records all of them.
                    width=160,
                    height=120,
                )
                until(lambda: monitor.tally.frames == FRAMES, serve)
                until(lambda: monitor.tally.unaccounted == 0, serve)
            assert nodes.stop() == dict.fromkeys(("recorder", "encoder", "classifier", "camera"), 0)
            told = re.search(r"(\d+) messages on 5 topics", nodes.output("recorder"))
            assert told, nodes.output("recorder")
        finally:
            nodes.stop()
    return folder / "bag", monitor.tally


@pytest.fixture(scope="module")
def found(recorded):
    (topic,) = examine(recorded[0], Options(models=(MODEL,))).topics.values()
    return topic


def test_counts_are_the_monitor_s(recorded, found):
    _, tally = recorded
    assert found.frames == tally.frames == FRAMES
    assert found.labels == found.latents == tally.labelled
    assert found.dropped == tally.dropped
    assert found.latents + found.dropped.total() == FRAMES
    assert found.tracks["recorded"].payload_bits.mean == pytest.approx(tally.payload_bits_mean)
    assert found.tracks["recorded"].wire_bits.total == sum(tally.wire_bits)


def test_labels_are_the_nodes(recorded, found):
    _, tally = recorded
    assert found.compared == tally.labelled
    assert found.agreed >= found.compared - 1  # batches of another size may tip a near tie
    assert found.tracks["recorded"].accuracy == pytest.approx(tally.accuracy)


def test_latency_is_the_monitor_s(recorded, found):
    _, tally = recorded
    (median,) = found.latencies["stamp_to_label"].percentiles(50)
    assert median == pytest.approx(tally.latency(50), abs=0.05)


def test_replay_sends_what_the_node_sent(recorded, found):
    """The same images at the same bit rate; only the jitter of the clock is another."""
    options = Options(models=(MODEL,), bitrates=(BITRATE,))
    (topic,) = examine(recorded[0], options).topics.values()
    assert topic.images == FRAMES
    node, replay = topic.tracks["recorded"], topic.tracks["bitrate_16000"]
    assert replay.frames - replay.dropped.total() == pytest.approx(node.frames, abs=3)
    assert replay.wire_bits.total == pytest.approx(node.wire_bits.total, rel=0.06)


def test_bit_rates_answer_what_another_would_have_given(recorded):
    options = replace(Options(models=(MODEL,)), bitrates=(4000.0, 32000.0))
    (topic,) = examine(recorded[0], options).topics.values()
    low, high = topic.tracks["bitrate_4000"], topic.tracks["bitrate_32000"]
    assert low.dropped["rate"] > high.dropped["rate"]


def test_overrides_for_recording_fit_what_the_nodes_offer():
    """Every topic of config/record.yaml can be received with the QoS that it asks for."""
    from rclpy.qos import qos_profile_sensor_data

    from jcc_ros.nodes.qos import TRUTH_QOS

    offered = {
        "/image_raw": qos_profile_sensor_data,
        "/image_raw/compressed": qos_profile_sensor_data,
        "/image_raw/latent": QoSProfile(depth=5, reliability=qos_profile_sensor_data.reliability),
        "/image_raw/labels": QoSProfile(depth=100),
        "/image_raw/truth": TRUTH_QOS,
        "/encoder/status": QoSProfile(depth=10),
    }
    asked = yaml.safe_load((ROOT / "config" / "record.yaml").read_text())
    assert asked.keys() == offered.keys()
    for topic, settings in asked.items():
        policies = ("history", "reliability", "durability")
        profile = QoSProfile(
            depth=settings["depth"],
            **{
                name: type(getattr(QoSProfile(depth=1), name)).get_from_short_key(settings[name])
                for name in policies
            },
        )
        verdict, reason = qos_check_compatible(offered[topic], profile)
        assert verdict != QoSCompatibility.ERROR, f"{topic}: {reason}"
        assert profile.durability == offered[topic].durability
