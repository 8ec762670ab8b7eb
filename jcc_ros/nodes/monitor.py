"""Watches one camera's way from image to label: what was sent, dropped, labelled, and how fast."""

import statistics
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.msg import Classification, EncoderStatus
from jcc_ros.nodes.qos import TRUTH_QOS

_QOS = QoSProfile(depth=1000)
_STATUS = "/encoder/status"
_ANSWER_LIMIT = 5.0  # s


@dataclass
class Tally:
    """Counts of one run.

    Attributes:
        truths: class name of every published frame, by stamp in ns.
        labels: best label of every labelled frame, by stamp in ns.
        dropped: frames of the camera by the reason that a node gave.
        payload_bits, wire_bits: of each labelled frame.
        latencies: s from the image's stamp to the label's arrival here.
        bitrate_target: as last reported by the encoder, bit/s.
    """

    truths: dict[int, str] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    payload_bits: list[int] = field(default_factory=list)
    wire_bits: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    bitrate_target: float = 0.0

    @property
    def frames(self) -> int:
        """Frames that the camera has shown."""
        return len(self.truths)

    @property
    def labelled(self) -> int:
        """Of these, those with a label."""
        return len(self.labels.keys() & self.truths.keys())

    @property
    def unaccounted(self) -> int:
        """Frames that were neither labelled nor counted as dropped by a node."""
        return self.frames - self.labelled - self.dropped.total()

    @property
    def accuracy(self) -> float:
        """Share of the labelled frames with the right label, NaN without any."""
        right = sum(self.truths.get(stamp) == label for stamp, label in self.labels.items())
        return right / self.labelled if self.labelled else float("nan")

    @property
    def payload_bits_mean(self) -> float:
        """Payload bits of a labelled frame, NaN without any."""
        return statistics.fmean(self.payload_bits) if self.payload_bits else float("nan")

    @property
    def mean_bitrate_wire(self) -> float:
        """Bits at the IP layer of all labelled frames over the time from first to last, bit/s."""
        span = (max(self.labels) - min(self.labels)) / 1e9 if len(self.labels) > 1 else 0.0
        # n frames span n - 1 periods.
        return sum(self.wire_bits[1:]) / span if span else float("nan")

    def latency(self, percentile: float) -> float:
        """Return a percentile of the latencies, s."""
        return float(np.percentile(self.latencies, percentile)) if self.latencies else float("nan")


class RefusedError(ValueError):
    """A node refused a value of a parameter; the message has its reason."""


class Monitor(Node):
    """Fills a tally from the topics of one camera.

    Args:
        image_topic: of the camera.
    """

    def __init__(self, image_topic: str = "image_raw", context: Context | None = None) -> None:
        super().__init__("monitor", context=context)
        self.tally = Tally()
        self.status: EncoderStatus | None = None
        self._by_node: dict[str, Counter[str]] = {}
        self._images = self.resolve_topic_name(image_topic)
        self._latent = self.resolve_topic_name(f"{image_topic}/latent")
        self._labels = self.resolve_topic_name(f"{image_topic}/labels")
        self.create_subscription(Classification, f"{image_topic}/truth", self._truth, TRUTH_QOS)
        self.create_subscription(Classification, f"{image_topic}/labels", self._label, _QOS)
        self.create_subscription(EncoderStatus, _STATUS, self._status, 10)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._diagnostics, 10)

    def ready(self) -> bool:
        """Say whether an encoder and a classifier have found the latent topic."""
        return all(
            (
                self.count_publishers(self._latent),
                self.count_subscribers(self._latent),
                self.count_publishers(self._labels),
            )
        )

    def recorded(self) -> bool:
        """Say whether a recorder has found all that encoder and classifier send."""
        return all(
            "recorder" in {end.node_name for end in self.get_subscriptions_info_by_topic(topic)}
            for topic in (self._latent, self._labels, _STATUS)
        )

    def set_parameter(self, node: str, name: str, value: float) -> None:
        """Set a parameter of another node.

        Raises:
            RefusedError: the node refused, with its reason.
            TimeoutError: no answer.
        """
        client = self.create_client(SetParameters, f"{node}/set_parameters")
        if not client.wait_for_service(_ANSWER_LIMIT):
            raise TimeoutError(f"{node} offers no parameter service: is it running?")
        parameter = Parameter(name, value=value).to_parameter_msg()
        answer = client.call_async(SetParameters.Request(parameters=[parameter]))
        self.executor.spin_until_future_complete(answer, timeout_sec=_ANSWER_LIMIT)
        self.destroy_client(client)
        if not answer.done():
            raise TimeoutError(f"{node} did not answer within {_ANSWER_LIMIT:g} s")
        result = answer.result().results[0]
        if not result.successful:
            raise RefusedError(f"{node}: {result.reason}")

    def _truth(self, message: Classification) -> None:
        label = message.labels[0] if message.labels else ""
        self.tally.truths[nanoseconds(message.header.stamp)] = label

    def _label(self, message: Classification) -> None:
        stamp = nanoseconds(message.header.stamp)
        self.tally.labels[stamp] = message.labels[0]
        self.tally.payload_bits.append(message.payload_bits)
        self.tally.wire_bits.append(message.wire_bits)
        self.tally.latencies.append((self.get_clock().now().nanoseconds - stamp) / 1e9)

    def _status(self, message: EncoderStatus) -> None:
        self.status = message
        self.tally.bitrate_target = message.bitrate_target
        mine = (topic for topic in message.topics if topic.topic == self._images)
        self._count(
            "encoder", Counter({d.reason: d.count for topic in mine for d in topic.dropped})
        )

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.hardware_id == "classifier":
                counts: Counter[str] = Counter()
                for value in status.values:
                    match value.key.split():
                        case ["dropped", reason, self._latent]:
                            counts[reason] = int(value.value)
                self._count("classifier", counts)

    def _count(self, node: str, dropped: Counter[str]) -> None:
        self._by_node[node] = dropped
        self.tally.dropped = sum(self._by_node.values(), Counter())
