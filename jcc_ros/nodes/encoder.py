"""The encoder node, on the robot: camera images in, latents out, at the bit rate it is told.

    <image topic> --newest frame--> network half 1 --> rate controller --> <image topic>/latent

The executor's thread takes images and keeps the newest of each topic; one worker encodes them, so
a slow encoder drops frames, which it counts, and never builds a queue.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import replace
from math import inf
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CompressedImage, Image
from typing_extensions import Self

from jcc_ros.codec.budget import MAX_BITRATE, MAX_DELAY, MAX_FPS, Budget
from jcc_ros.codec.congestion import CongestionControl
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.outbox import Bundle
from jcc_ros.codec.packet import MAX_PACKETS
from jcc_ros.codec.reception import Report
from jcc_ros.codec.sender import Sender
from jcc_ros.msg import EncoderStatus
from jcc_ros.networks.encoder_model import load_encoder
from jcc_ros.networks.model_file import ModelFileError
from jcc_ros.networks.model_folder import model_folder
from jcc_ros.networks.runtime import DeviceError, check_device
from jcc_ros.nodes.encoding import AnyImage, Dropped, encode
from jcc_ros.nodes.managed import ManagedNode, explained, summary_of
from jcc_ros.nodes.parameters import Page, Parameters, read_only
from jcc_ros.nodes.run import run, start_worker
from jcc_ros.nodes.stream import Stream
from jcc_ros.nodes.topics import TopicName, full_name

_STATUS_PERIOD = 1.0  # s
_ENOUGH = "the best operating point needs less than the target"


class EncoderPage(Page):
    """Parameters of the encoder node."""

    model: str = read_only(
        "cifar10",
        description="Model folder, or name of a model in the folder models or installed with "
        "jcc_ros.",
    )
    image_topics: list[TopicName] = Field(
        ["image_raw"],
        min_length=1,
        max_length=64,
        description="Image topics to encode, 1 to 64; the latents of each go to TOPIC/latent.",
    )
    image_transport: Literal["raw", "compressed"] = read_only(
        "raw",
        description="Type of the image topics: raw (sensor_msgs/Image on TOPIC) or compressed "
        "(sensor_msgs/CompressedImage on TOPIC/compressed).",
    )
    device: Annotated[Literal["cpu", "cuda"], AfterValidator(check_device)] = read_only(
        "cpu",
        description="Device that the network runs on; cuda needs the package onnxruntime-gpu in "
        "place of onnxruntime.",
    )
    autostart: bool = read_only(
        True,
        description="Configure and activate the node at start; false: wait for "
        "`ros2 lifecycle set`.",
    )
    bitrate: float = Field(
        0.0,
        ge=0,
        le=MAX_BITRATE,
        description="Target for all topics together, in bit/s at the IP layer; 0: no limit.",
    )
    adaptive: bool = Field(
        True,
        description="Send less than `bitrate` while the classifier's reports show that the link "
        "carries less.",
    )
    weights: list[Annotated[float, Field(gt=0, le=1e6)]] = Field(
        [1.0],
        min_length=1,
        max_length=64,
        description="Weights by which the image topics share the bit rate: one for each, or a "
        "single one for equal shares.",
    )
    max_fps: float = Field(
        0.0,
        ge=0,
        le=MAX_FPS,
        description="Maximum number of frames per second for each topic; 0: no limit.",
    )
    frames_per_message: int = Field(
        1,
        ge=1,
        le=MAX_PACKETS,
        description="Maximum number of frames that share a message and its overhead.",
    )
    max_delay: float = Field(
        0.5,
        ge=0,
        le=MAX_DELAY,
        description="Maximum time a frame waits for others to share its message, in seconds.",
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        topics, weights = len(self.image_topics), len(self.weights)
        if weights not in (1, topics):
            raise ValueError(
                f"weights: {weights} given for {topics} image topics, expected 1 or one per topic"
            )
        return self

    def budget(self) -> Budget:
        """Return what the controller needs to know."""
        weights = self.weights * (len(self.image_topics) if len(self.weights) == 1 else 1)
        return Budget(
            bitrate=self.bitrate or inf,
            max_fps=self.max_fps or inf,
            frames_per_message=self.frames_per_message,
            max_delay=self.max_delay,
            weights=dict(zip(self.image_topics, weights, strict=True)),
        )


class EncoderNode(ManagedNode):
    """Managed node that turns images into latents."""

    def __init__(self) -> None:
        super().__init__("encoder")
        self._worker: threading.Thread | None = None
        self._streams: dict[str, Stream] = {}
        self._settings = Parameters(self, EncoderPage, self._apply, self._check_topics)

    @explained
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model; a file that is refused leaves the node unconfigured."""
        page = self._settings.current
        try:
            self._model = load_encoder(model_folder(page.model), page.device)
        except (DeviceError, ModelFileError) as error:
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        # The first passes through a network are slow: better now than on the first frame.
        black = np.zeros((480, 640, 3), np.uint8)
        for _ in range(3):
            self._model.latent(black)
        self.get_logger().info(
            f"model {self._model.name} {self._model.codec.model_id[:8]}, "
            f"{len(self._model.codec.ladder)} operating points, "
            + (f"{page.bitrate:.0f} bit/s" if page.bitrate else "no limit on the bit rate")
        )
        return TransitionCallbackReturn.SUCCESS

    @explained
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, advertise and start encoding."""
        compressed = self._settings.current.image_transport == "compressed"
        self._kind = CompressedImage if compressed else Image
        self._sender = Sender(self._model.codec, self._send)
        self._congestion = CongestionControl()
        self._waiting: OrderedDict[str, tuple[AnyImage, float]] = OrderedDict()
        self._wake = threading.Condition()
        self._at_work = threading.Lock()  # on streams, sender and congestion control
        self._active, self._changed = True, False
        self._planned = 0.0  # the target that the streams' plans are for
        self._match_streams()
        self._status = self.create_publisher(EncoderStatus, "~/status", 10)
        self._timer = self.every(_STATUS_PERIOD, self._apply)
        self._worker = start_worker("encode", self._work)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop at once; the model stays."""
        if self._worker is not None:
            self.close()
            self.destroy_timer(self._timer)
            self.destroy_publisher(self._status)
        self._leave_all()
        return super().on_deactivate(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back what an activation had begun: it can be tried again."""
        self._leave_all()
        return super().on_error(state)

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
            self._finish(stream, Drop.STOPPED)
        self._report()

    # Called by the executor's thread.

    def _check_topics(self, page: EncoderPage) -> None:
        """Raise ValueError for topics that there cannot be, or that are the same."""
        known: dict[str, str] = {}
        for topic in page.image_topics:
            name = full_name(self, topic, "compressed")
            if name in known:
                raise ValueError(f"image_topics: {known[name]} and {topic} are the same topic")
            known[name] = topic

    def _apply(self) -> None:
        """Act on parameters that may have changed, and report."""
        if self._worker is not None:
            self._match_streams()
            with self._wake:
                self._changed = True
                self._wake.notify()
            self._report()

    def _match_streams(self) -> None:
        """Start and stop streams until they are those of the parameter."""
        topics = dict.fromkeys(self._settings.current.image_topics)
        if topics.keys() == self._streams.keys():
            return
        with self._at_work:
            for topic in self._streams.keys() - topics.keys():
                self._finish(self._streams[topic], Drop.TOPIC_REMOVED)
                self._sender.forget(topic)
                self._congestion.forget(topic)
                self._streams.pop(topic).destroy()
            for topic in topics.keys() - self._streams.keys():
                self._streams[topic] = Stream(self, topic, self._kind, self._receive, self._hear)
            self._streams = {topic: self._streams[topic] for topic in topics}

    def _leave_all(self) -> None:
        for stream in self._streams.values():
            stream.destroy()
        self._streams = {}

    def _finish(self, stream: Stream, reason: Drop) -> None:
        """Drop the image that waits, send what is encoded, log the final counts."""
        with self._wake:
            if self._waiting.pop(stream.name, None):
                stream.dropped[reason] += 1
        self._sender.flush(stream.name)
        status = stream.status(self._model.codec.ladder)
        self.get_logger().info(
            f"{stream.topic}: {status.frames_in} frames in, {status.frames_sent} sent, "
            f"dropped: {summary_of({drop.reason: drop.count for drop in status.dropped})}"
        )

    def _receive(self, stream: Stream, message: AnyImage) -> None:
        with self._wake:
            if stream.name in self._waiting:
                stream.dropped[Drop.SUPERSEDED] += 1
            self._waiting[stream.name] = (message, time.monotonic())
            self._wake.notify()

    def _hear(self, stream: Stream, report: Report) -> None:
        with self._at_work:
            self._congestion.reported(stream.name, report, time.monotonic())

    def _report(self) -> None:
        page = self._settings.current
        with self._at_work:
            link = self._congestion.limit(time.monotonic())
            topics = [stream.status(self._model.codec.ladder) for stream in self._streams.values()]
        message = EncoderStatus(
            model=self._model.name,
            model_id=self._model.codec.model_id,
            bitrate_target=page.bitrate,
            bitrate_wire=sum(status.bitrate_wire for status in topics),
            bitrate_link=link if self._narrow(page, link) else 0.0,
            limit=self._limit(page, link),
            topics=topics,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(message)
        values: list[tuple[str, object]] = [
            ("bitrate_target", f"{message.bitrate_target:.0f}"),
            ("bitrate_wire", f"{message.bitrate_wire:.0f}"),
            ("bitrate_link", f"{message.bitrate_link:.0f}"),
        ]
        for status in topics:
            values.append((f"frames_in {status.topic}", status.frames_in))
            values.append((f"frames_sent {status.topic}", status.frames_sent))
            values += [(f"dropped {d.reason} {status.topic}", d.count) for d in status.dropped]
        if message.limit == _ENOUGH:  # no problem
            self.diagnose(_ENOUGH, "", values)
        else:
            self.diagnose("encoding", message.limit, values)

    def _limit(self, page: EncoderPage, link: float) -> str:
        """Say what keeps the encoder from its target, if anything does."""
        problems = [stream.problem() for stream in self._streams.values()]
        if any(problems):
            return "; ".join(filter(None, problems))
        if self._narrow(page, link):
            return f"the link carries only {link:.0f} bit/s"
        sending = [stream for stream in self._streams.values() if stream.frames_sent]
        if not page.bitrate or not sending or page.bitrate != self._planned:
            return ""
        if any(self._sender.plan(stream.name).limited for stream in sending):
            return "the target bit rate is too low to send every frame: frames are dropped"
        finest = len(self._model.codec.ladder) - 1
        if all(stream.point == finest for stream in sending):
            return _ENOUGH
        return ""

    @staticmethod
    def _narrow(page: EncoderPage, link: float) -> bool:
        """Say whether the link, of which `link` bit/s are known to get through, is the limit."""
        return page.adaptive and link < (page.bitrate or inf)

    # Called by the worker.

    def _work(self) -> None:
        due = inf
        while True:
            with self._wake:
                if self._active and not self._waiting and not self._changed:
                    self._wake.wait(None if due == inf else max(0.0, due - time.monotonic()))
                self._changed = False
                if not self._active:
                    return
            with self._at_work:
                page = self._settings.current
                budget = page.budget()
                # Taken only now: until then a topic that is removed takes its image along.
                with self._wake:
                    name, taken = self._waiting.popitem(last=False) if self._waiting else ("", None)
                if taken:
                    self._encode(self._streams[name], *taken, page)
                self._sender.send_due(time.monotonic(), budget)
                due = self._sender.deadline(budget)

    def _encode(
        self, stream: Stream, message: AnyImage, received: float, page: EncoderPage
    ) -> None:
        if not stream.wanted():
            stream.dropped[Drop.NO_SUBSCRIBER] += 1
            return
        budget = page.budget()
        self._planned = page.bitrate
        if page.adaptive:
            link = self._congestion.limit(received)
            budget = replace(budget, bitrate=min(budget.bitrate, link))
        result = encode(self._model, self._sender, stream.name, message, received, budget)
        if isinstance(result, Dropped):
            stream.dropped[result.reason] += 1
            if result.problem:
                self.warn(
                    f"{stream.topic} {result.reason.value}",
                    f"{stream.topic}: frames are dropped: {result.problem}",
                )
        else:
            stream.encoded(result, time.monotonic() - received)

    def _send(self, topic: str, bundle: Bundle) -> None:
        self._streams[topic].send(bundle)
        self._congestion.sent(topic, bundle.wire_bits, time.monotonic())


def main() -> None:
    """Run the encoder node."""
    run(EncoderNode)


if __name__ == "__main__":
    main()
