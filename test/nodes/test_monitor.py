"""What a monitor counts: its own camera's frames, of all that the nodes report."""

from functools import partial

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from harness import Probe
from jcc_ros.msg import DropCount, EncoderStatus, TopicStatus

from jcc_ros.nodes.monitor import Monitor
from jcc_ros.nodes.watch import watching


def topic(name: str, **dropped: int) -> TopicStatus:
    drops = [DropCount(reason=reason, count=count) for reason, count in dropped.items()]
    return TopicStatus(topic=name, dropped=drops)


def test_only_the_drops_of_its_own_camera_count(probe: Probe) -> None:
    status = EncoderStatus(
        topics=[
            topic("/front/image_raw", rate=3, superseded=1),
            topic("/rear/image_raw", rate=5, max_fps=7),
        ]
    )
    values = {
        "batches": 9,
        "labelled /front/image_raw/latent": 4,
        "dropped invalid_packet /front/image_raw/latent": 2,
        "dropped invalid_packet /rear/image_raw/latent": 8,
    }
    entry = DiagnosticStatus(
        hardware_id="classifier",
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    encoder = probe.create_publisher(EncoderStatus, "/encoder/status", 10)
    diagnostics = probe.create_publisher(DiagnosticArray, "/diagnostics", 10)
    with watching(partial(Monitor, "/front/image_raw")) as (monitor, serve):

        def counted() -> bool:
            encoder.publish(status)
            diagnostics.publish(DiagnosticArray(status=[entry]))
            serve(0.02)
            return "rate" in monitor.tally.dropped and "invalid_packet" in monitor.tally.dropped

        probe.until(counted, "counts of both nodes")
        assert monitor.tally.dropped == {"rate": 3, "superseded": 1, "invalid_packet": 2}
