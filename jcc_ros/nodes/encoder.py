"""The encoder node, on the robot: camera images in, latents out, at the bit rate it is told.

    <image topic> --newest frame--> network half 1 --> rate controller --> <image topic>/latent

The executor's thread takes images and keeps the newest of each topic; one worker encodes them, so
a slow encoder drops frames, which it counts, and never builds a queue.
"""

import statistics
import threading
import time
from array import array
from collections import Counter, OrderedDict, deque
from math import inf
from typing import Literal

import numpy as np
import torch
from builtin_interfaces.msg import Time
from pydantic import Field
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.codec.meter import Meter
from jcc_ros.codec.outbox import Outbox
from jcc_ros.codec.rate import Budget, Drop, RateController
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.ros_images import ImageError, compressed_to_rgb, to_rgb
from jcc_ros.msg import DropCount, EncoderStatus, Latent, TopicStatus
from jcc_ros.networks.model_file import ModelFileError, load_encoder
from jcc_ros.nodes.managed import ManagedNode, find_model, run, summary_of
from jcc_ros.nodes.parameters import Page, Parameters, read_only

_STATUS_PERIOD = 1.0  # s
_LATENT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class EncoderPage(Page):
    """Parameters of the encoder node."""

    model: str = read_only(
        "cifar10", description="Model folder, or the name of a model installed with jcc_ros."
    )
    image_topics: list[str] = read_only(
        ["image_raw"], min_length=1, description="Image topics to encode."
    )
    image_transport: Literal["raw", "compressed"] = read_only(
        "raw", description="Type of the image topics: sensor_msgs/Image or CompressedImage."
    )
    device: str = read_only("cpu", description="Torch device of the network.")
    autostart: bool = read_only(True, description="Configure and activate at start.")
    bitrate: float = Field(
        0.0, ge=0, le=1e9, description="Target at the IP layer, bit/s, all topics; 0: no limit."
    )
    max_fps: float = Field(
        0.0, ge=0, le=1000, description="Frames a second and topic at the most; 0: no limit."
    )
    frames_per_message: int = Field(
        1, ge=1, le=32, description="Frames that may share a message and its overhead."
    )
    max_delay: float = Field(
        0.5, ge=0, le=30, description="Time a frame may wait for others to share its message, s."
    )

    def budget(self) -> Budget:
        """Return what the controller needs to know."""
        return Budget(
            bitrate=self.bitrate or inf,
            max_fps=self.max_fps or inf,
            frames_per_message=self.frames_per_message,
            max_delay=self.max_delay,
        )


class _Stream:
    """One image topic: where its latents go and what became of its frames."""

    def __init__(self, topic: str, outbox: Outbox) -> None:
        self.topic = topic
        self.outbox = outbox
        self.frames_in = 0
        self.frames_sent = 0
        self.dropped: Counter[str] = Counter()
        self.fps_in, self.fps_sent, self.wire, self.payload = (Meter() for _ in range(4))
        self.encode_times: deque[float] = deque(maxlen=100)
        self.point = 0


class Encoder(ManagedNode):
    """Managed node that turns images into latents."""

    def __init__(self) -> None:
        super().__init__("encoder")
        self._settings = Parameters(self, EncoderPage)
        self._model = None
        self._worker: threading.Thread | None = None
        self._streams: dict[str, _Stream] = {}

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model; a file that is refused leaves the node unconfigured."""
        page = self._settings.current
        try:
            self._model = load_encoder(find_model(page.model), page.device)
        except (ModelFileError, RuntimeError) as error:
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        # The first passes through a network are slow: better now than on the first frame.
        black = np.zeros((480, 640, 3), np.uint8)
        for _ in range(3):
            self._model.latent(black)
        self.get_logger().info(
            f"model {self._model.name} {self._model.codec.model_id[:8]}, "
            f"{len(self._model.codec.ladder)} operating points"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, advertise and start encoding."""
        page = self._settings.current
        codec = self._model.codec
        self._controller = RateController(codec.ladder)
        self._waiting: OrderedDict[str, tuple[Image | CompressedImage, float]] = OrderedDict()
        self._wake = threading.Condition()
        self._active = True
        compressed = page.image_transport == "compressed"
        self._to_rgb = compressed_to_rgb if compressed else to_rgb
        self._streams = {
            topic: _Stream(topic, Outbox(codec)) for topic in dict.fromkeys(page.image_topics)
        }
        self._outputs = {
            topic: self.create_publisher(
                Latent,
                f"{topic}/latent",
                _LATENT_QOS,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            for topic in self._streams
        }
        self._inputs = [
            self.create_subscription(
                CompressedImage if compressed else Image,
                f"{topic}/compressed" if compressed else topic,
                lambda message, topic=topic: self._receive(topic, message),
                qos_profile_sensor_data,
                event_callbacks=SubscriptionEventCallbacks(
                    message_lost=lambda event, topic=topic: self._lost(
                        topic, event.total_count_change
                    )
                ),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            for topic in self._streams
        ]
        self._status = self.create_publisher(EncoderStatus, "~/status", 10)
        self._timer = self.create_timer(_STATUS_PERIOD, self._report)
        self._worker = threading.Thread(target=self._work, name="encode")
        self._worker.start()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop at once; the model stays."""
        if self._worker is not None:
            self.close()
            self.destroy_timer(self._timer)
            for subscription in self._inputs:
                self.destroy_subscription(subscription)
            for publisher in (*self._outputs.values(), self._status):
                self.destroy_publisher(publisher)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        self._model = None
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """End the worker, send what waits, report the final counts."""
        if self._worker is None:
            return
        with self._wake:
            self._active = False
            self._wake.notify()
        self._worker.join()
        self._worker = None
        for stream in self._streams.values():
            if stream.outbox:
                self._send(stream)
        self._report()
        for stream in self._streams.values():
            self.get_logger().info(
                f"{stream.topic}: {stream.frames_in} frames in, {stream.frames_sent} sent, "
                f"dropped: {summary_of(stream.dropped)}"
            )

    # Called by the executor's thread.

    def _receive(self, topic: str, message: Image | CompressedImage) -> None:
        now = time.monotonic()
        stream = self._streams[topic]
        stream.frames_in += 1
        stream.fps_in.add(now)
        with self._wake:
            if topic in self._waiting:
                stream.dropped["superseded"] += 1
            self._waiting[topic] = (message, now)
            self._wake.notify()

    def _lost(self, topic: str, count: int) -> None:
        self._streams[topic].frames_in += count
        self._streams[topic].dropped["lost_before_encoder"] += count

    def _report(self) -> None:
        now = time.monotonic()
        page, ladder = self._settings.current, self._model.codec.ladder
        message = EncoderStatus(
            model=self._model.name,
            model_id=self._model.codec.model_id,
            bitrate_target=page.bitrate,
            bitrate_wire=sum(stream.wire.rate(now) for stream in self._streams.values()),
            limit=self._limit(page),
        )
        message.header.stamp = self.get_clock().now().to_msg()
        for stream in self._streams.values():
            message.topics.append(
                TopicStatus(
                    topic=self.resolve_topic_name(stream.topic),
                    frames_in=stream.frames_in,
                    frames_sent=stream.frames_sent,
                    dropped=[
                        DropCount(reason=reason, count=count)
                        for reason, count in sorted(stream.dropped.items())
                    ],
                    fps_in=stream.fps_in.rate(now),
                    fps_sent=stream.fps_sent.rate(now),
                    bitrate_wire=stream.wire.rate(now),
                    operating_point=stream.point,
                    expected_accuracy=ladder[stream.point].accuracy,
                    payload_bits=stream.payload.mean(),
                    encode_time=statistics.median(stream.encode_times or [0.0]),
                )
            )
        self._status.publish(message)
        self.diagnose(
            "encoding",
            message.limit,
            [
                ("bitrate_target", f"{message.bitrate_target:.0f}"),
                ("bitrate_wire", f"{message.bitrate_wire:.0f}"),
                *(
                    (f"{what} {status.topic}", value)
                    for status in message.topics
                    for what, value in (
                        ("frames_in", status.frames_in),
                        ("frames_sent", status.frames_sent),
                        *((f"dropped {drop.reason}", drop.count) for drop in status.dropped),
                    )
                ),
            ],
        )

    def _limit(self, page: EncoderPage) -> str:
        """Say what keeps the encoder from its target, if anything does."""
        if not page.bitrate:
            return ""
        plans = [
            self._controller.plan(topic)
            for topic, stream in self._streams.items()
            if stream.frames_sent
        ]
        if any(plan.limited for plan in plans):
            return "the target does not pay for every frame: frames are dropped"
        finest = len(self._model.codec.ladder) - 1
        if plans and all(stream.point == finest for stream in self._streams.values()):
            return "the finest operating point needs less than the target"
        return ""

    # Called by the worker.

    def _work(self) -> None:
        torch.set_num_threads(1)  # one small image: more threads only wait for each other
        while True:
            page = self._settings.current
            with self._wake:
                if self._active and not self._waiting:
                    self._wake.wait(self._patience(page.max_delay))
                if not self._active:
                    return
                topic, (message, received) = (
                    self._waiting.popitem(last=False) if self._waiting else ("", (None, 0.0))
                )
            if message is not None:
                self._encode(self._streams[topic], message, received, self._settings.current)
            for stream in self._streams.values():
                if stream.outbox.deadline(page.max_delay) <= time.monotonic():
                    self._send(stream)

    def _patience(self, max_delay: float) -> float | None:
        due = min(stream.outbox.deadline(max_delay) for stream in self._streams.values())
        return None if due == inf else max(0.0, due - time.monotonic())

    def _encode(
        self,
        stream: _Stream,
        message: Image | CompressedImage,
        received: float,
        page: EncoderPage,
    ) -> None:
        frame_id = message.header.frame_id
        if not self._outputs[stream.topic].get_subscription_count():
            stream.dropped["no_subscriber"] += 1
            return
        overhead = latent_message_bits(frame_id, 0)
        chosen = self._controller.admit(stream.topic, received, overhead, page.budget())
        if isinstance(chosen, Drop):
            stream.dropped[chosen.value] += 1
            return
        started = time.monotonic()
        try:
            pixels = self._to_rgb(message, self._model.network.config.input)
        except ImageError as error:
            stream.dropped["unusable_image"] += 1
            self.warn(f"{stream.topic} image", f"{stream.topic}: frames are dropped: {error}")
            return
        latent = self._model.latent(pixels)
        stamp = _nanoseconds(message.header.stamp)
        if not stream.outbox.fits(stamp, frame_id):
            self._send(stream)
        try:
            stream.outbox.add(latent, chosen, stamp, frame_id, started)
        except ValueError as error:  # a payload beyond what a packet holds
            stream.dropped["oversized"] += 1
            self.warn(f"{stream.topic} size", f"{stream.topic}: frames are dropped: {error}")
            return
        stream.point = chosen
        stream.encode_times.append(time.monotonic() - started)
        if len(stream.outbox) >= self._controller.plan(stream.topic).frames:
            self._send(stream)

    def _send(self, stream: _Stream) -> None:
        bundle = stream.outbox.take()
        message = Latent(data=array("B", bundle.data))
        message.header.stamp = Time(sec=bundle.stamp // 10**9, nanosec=bundle.stamp % 10**9)
        message.header.frame_id = bundle.frame_id
        self._outputs[stream.topic].publish(message)
        now = time.monotonic()
        bits = latent_message_bits(bundle.frame_id, len(bundle.data))
        self._controller.charge(stream.topic, bits)
        stream.wire.add(now, bits)
        stream.frames_sent += bundle.frames
        stream.fps_sent.add(now, bundle.frames)
        stream.payload.add(now, bundle.payload_bits / bundle.frames)


def _nanoseconds(stamp: Time) -> int:
    return stamp.sec * 10**9 + stamp.nanosec


def main() -> None:
    """Run the encoder node."""
    run(Encoder)


if __name__ == "__main__":
    main()
