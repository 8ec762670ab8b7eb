"""What an encoder would have sent of recorded images, with the bag's time as its clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.errors import OversizedError
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.outbox import Bundle
from jcc_ros.codec.sender import Sender
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.evaluation.frames import Frame, Outcome
from jcc_ros.evaluation.labeller import Labeller
from jcc_ros.evaluation.plan import Way
from jcc_ros.networks.classifier_model import ClassifierModel

_SWEEP = 128  # images that go through all operating points together


@dataclass(frozen=True)
class Shot:
    """An image that is replayed.

    Attributes:
        frame: of it, whose outcomes are filled.
        frame_id: of its header.
        latent: of it, [C, h, w].
        time: when it came, ns of the bag's clock.
    """

    frame: Frame
    frame_id: str
    latent: NDArray[np.float32]
    time: int


class Replay:
    """Sends images in every way that was asked for.

    Attributes:
        classifier: that labels what arrives.

    Args:
        codec: of the model.
        classifier: its half for the host.
        ways: operating points and bit rates; others are passed over.
        budget: of the rate controller, whatever its bit rate.
        labeller: that runs the classifier.
    """

    def __init__(
        self,
        codec: LatentCodec,
        classifier: ClassifierModel,
        ways: Sequence[Way],
        budget: Budget,
        labeller: Labeller,
    ) -> None:
        self.classifier = classifier
        self._codec, self._labeller = codec, labeller
        self._points = {w.name: int(w.setting or 0) for w in ways if w.kind == "point"}
        self._robots = {
            way.name: Robot(codec, replace(budget, bitrate=way.setting or inf))
            for way in ways
            if way.kind == "bitrate"
        }
        self._waiting: list[Shot] = []

    def send(self, image: Shot) -> None:
        """Send an image; what becomes of it is known after `settle`."""
        for name, robot in self._robots.items():
            outcome = image.frame.outcomes[name] = Outcome()
            point = robot.offer(image.frame, image.frame_id, image.latent, image.time, outcome)
            if point is not None:
                received = self._codec.received(image.latent, point)
                outcome.verdict = self._labeller.ask(self.classifier, received, point)
        if self._points:
            self._waiting.append(image)
        if len(self._waiting) == _SWEEP:
            self._sweep()

    def settle(self, frames: Sequence[Frame]) -> None:
        """See to it that what becomes of these frames is known, but for labels."""
        waiting = {id(image.frame) for image in self._waiting}
        if any(id(frame) in waiting for frame in frames):
            self._sweep()

    def finish(self, now: int) -> None:
        """End at a time, ns of the bag's clock: send what waits."""
        for robot in self._robots.values():
            robot.finish(now)

    def _sweep(self) -> None:
        """Send the images that wait at every operating point, many at once: one by one, most of
        the time would be the interpreter's.
        """
        images, self._waiting = self._waiting, []
        latents = np.stack([image.latent for image in images])
        for name, point in self._points.items():
            symbols = self._codec.symbols(latents, point)
            received = self._codec.received(latents, point)
            for image, row, latent in zip(images, symbols, received, strict=True):
                outcome = image.frame.outcomes[name] = Outcome(point=point, sent=image.time)
                try:
                    packet = self._codec.pack(row, point)
                except OversizedError:
                    outcome.dropped = Drop.OVERSIZED.value
                    continue
                outcome.payload_bits = 8 * len(packet.payload)
                outcome.wire_bits = latent_message_bits(image.frame_id, len(packet.to_bytes()))
                outcome.verdict = self._labeller.ask(self.classifier, latent, point)


class Robot:
    """An encoder at one budget for all its image topics, infinitely fast, on the bag's clock.

    Frames that a slow encoder would have to drop are sent here: only the budget decides.

    Args:
        codec: of the model.
        budget: what its user asks for.
    """

    def __init__(self, codec: LatentCodec, budget: Budget) -> None:
        self._budget = budget
        self._sender = Sender(codec, self._send)
        self._now = 0  # ns
        self._waiting: dict[str, list[Outcome]] = {}

    def offer(
        self, frame: Frame, frame_id: str, latent: NDArray[np.float32], now: int, outcome: Outcome
    ) -> int | None:
        """Show the encoder a frame and return the operating point that it chose, if any.

        The rest of `outcome` is filled when the frame is dropped or its message is sent.

        Args:
            latent: of the frame, [C, h, w].
            now: when the image arrived, ns of the bag's clock.
        """
        topic, time = frame.topic, now / 1e9
        self._wait_until(now)
        chosen = self._sender.admit(topic, frame_id, time, self._budget)
        if isinstance(chosen, Drop):
            outcome.dropped = chosen.value
            return None
        try:
            packet = self._sender.add(topic, latent, chosen, frame.stamp, frame_id, time)
        except OversizedError:
            outcome.dropped = Drop.OVERSIZED.value
            return None
        outcome.point, outcome.payload_bits = chosen, 8 * len(packet.payload)
        self._waiting.setdefault(topic, []).append(outcome)
        self._wait_until(now)
        return chosen

    def finish(self, now: int) -> None:
        """Send what waits, as an encoder does that is told to end."""
        self._wait_until(now)
        for topic in self._waiting:
            self._sender.flush(topic)

    def _wait_until(self, now: int) -> None:
        """Send what is due until `now`, ns, each message at its time."""
        while (due := self._sender.deadline(self._budget)) <= now / 1e9:
            self._now = now if due == -inf else round(due * 1e9)
            self._sender.send_due(due, self._budget)
        self._now = now

    def _send(self, topic: str, bundle: Bundle) -> None:
        waiting = self._waiting[topic]
        for outcome in waiting:
            outcome.wire_bits = bundle.wire_bits // bundle.frames
            outcome.sent = self._now
        waiting.clear()
