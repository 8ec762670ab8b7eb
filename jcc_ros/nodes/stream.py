"""One image topic of an encoder: its images, its latents, and what became of its frames."""

import statistics
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

from jcc_ros.codec.drop import Drop
from jcc_ros.codec.ladder import OperatingPoint
from jcc_ros.codec.meter import Meter
from jcc_ros.codec.outbox import Bundle
from jcc_ros.codec.reception import Report
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.msg import DropCount, Latent, LinkReport, TopicStatus
from jcc_ros.nodes.encoding import AnyImage
from jcc_ros.nodes.qos import LATENT_QOS, overridable
from jcc_ros.nodes.stamps import to_time

_SILENT = 10.0  # s without an image
_PATIENCE = 2.0  # times what lay between the last two
_LOST = 0.1  # of the images; more is worth a warning


class Stream:
    """Subscribes to an image topic, publishes `<topic>/latent`, hears what arrives of it.

    Where the image topic is remapped, its latents and reports stay beside it.

    Args:
        node: that owns subscription and publisher.
        topic: of the images, without `/compressed`.
        kind: sensor_msgs type of the images.
        receive: called with the stream and each image.
        hear: called with the stream and each report of a receiver.
    Attributes:
        name: the topic as it was given.
        topic: the topic with its namespace, remapped.
        dropped: frames by reason.
        point: operating point of the last frame.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        kind: type[AnyImage],
        receive: Callable[["Stream", AnyImage], None],
        hear: Callable[["Stream", Report], None],
    ) -> None:
        self.name = topic
        self.topic = node.resolve_topic_name(topic)
        self.dropped: Counter[Drop] = Counter()
        self.point = 0
        self.frames_sent = 0
        self._frames_in = self._refused = 0
        self._encode_times: deque[float] = deque(maxlen=100)
        self._fps_in, self._fps_taken, self._fps_sent = Meter(), Meter(), Meter()
        self._wire, self._payload = Meter(), Meter()
        self._seen, self._gap = time.monotonic(), 0.0  # when the last image came, after how long
        self._receive = receive

        with ExitStack() as made:  # given back if the rest cannot be had
            self._publisher = node.create_publisher(
                Latent, f"{self.topic}/latent", **overridable(LATENT_QOS)
            )
            made.callback(node.destroy_publisher, self._publisher)
            images = node.create_subscription(
                kind,
                # As it was given, or what is remapped already would be once more.
                f"{self.topic}/compressed" if kind is CompressedImage else topic,
                self._take,
                event_callbacks=SubscriptionEventCallbacks(
                    message_lost=lambda event: self._lost(event.total_count_change)
                ),
                **overridable(qos_profile_sensor_data),
            )
            made.callback(node.destroy_subscription, images)
            reports = node.create_subscription(
                LinkReport,
                f"{self.topic}/link",
                lambda message: hear(self, _report(message)),
                **overridable(qos_profile_sensor_data),
            )
            made.callback(node.destroy_subscription, reports)
            self._made = made.pop_all()

    def problem(self) -> str:
        """Return what has kept images from being encoded and sent since the last call, if anything.

        Slow cameras are waited for.
        """
        now = time.monotonic()
        refused = self.dropped[Drop.UNUSABLE_IMAGE] + self.dropped[Drop.OVERSIZED]
        before, self._refused = self._refused, refused
        fps_in = self._fps_in.rate(now)
        lost = 1 - self._fps_taken.rate(now) / fps_in if fps_in else 0.0
        if now - self._seen > max(_SILENT, _PATIENCE * self._gap):
            return f"no images on {self.topic}"
        if refused > before:
            return f"images on {self.topic} cannot be encoded"
        if lost > _LOST:
            return f"{lost:.0%} of the images on {self.topic} are lost before the encoder"
        if not self.wanted():
            return f"nobody subscribes to {self.topic}/latent"
        return ""

    def wanted(self) -> bool:
        """Say whether anybody listens to the latents."""
        return self._publisher.get_subscription_count() > 0

    def encoded(self, point: int, seconds: float) -> None:
        """Note the operating point of a frame, and how long it took."""
        self.point = point
        self._encode_times.append(seconds)

    def send(self, bundle: Bundle) -> None:
        """Publish a message and count it."""
        self._publisher.publish(latent_message(bundle))
        now = time.monotonic()
        self.frames_sent += bundle.frames
        self._wire.add(now, bundle.wire_bits)
        self._fps_sent.add(now, bundle.frames)
        self._payload.add(now, bundle.payload_bits)

    def status(self, ladder: Sequence[OperatingPoint]) -> TopicStatus:
        """Return counts and rates as they are now."""
        now = time.monotonic()
        fps_sent = self._fps_sent.rate(now)
        return TopicStatus(
            topic=self.topic,
            frames_in=self._frames_in,
            frames_sent=self.frames_sent,
            dropped=[
                DropCount(reason=reason, count=count)
                for reason, count in sorted((d.value, n) for d, n in self.dropped.items())
            ],
            fps_in=self._fps_in.rate(now),
            fps_sent=fps_sent,
            bitrate_wire=self._wire.rate(now),
            operating_point=self.point,
            expected_accuracy=ladder[self.point].accuracy,
            payload_bits=self._payload.rate(now) / fps_sent if fps_sent else 0.0,
            encode_time=statistics.median(self._encode_times or [0.0]),
        )

    def destroy(self) -> None:
        """Give subscriptions and publisher back to the node."""
        self._made.close()

    def _take(self, message: AnyImage) -> None:
        now = time.monotonic()
        self._seen, self._gap = now, now - self._seen
        self._frames_in += 1
        self._fps_in.add(now)
        self._fps_taken.add(now)
        self._receive(self, message)

    def _lost(self, count: int) -> None:
        self._frames_in += count
        self._fps_in.add(time.monotonic(), count)
        self.dropped[Drop.LOST_BEFORE_ENCODER] += count


def _report(message: LinkReport) -> Report:
    return Report(
        receiver=message.receiver,
        sequence=message.sequence,
        messages=message.messages,
        arrived=nanoseconds(message.arrived) / 1e9,
        delay=message.delay,
    )


def latent_message(bundle: Bundle) -> Latent:
    """Return the message that carries a bundle."""
    message = Latent(data=array("B", bundle.data))
    message.header.stamp = to_time(bundle.stamp)
    message.header.frame_id = bundle.frame_id
    return message
