"""What an encoder would have sent of recorded images, with the bag's time as its clock."""

from math import inf

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.outbox import Bundle
from jcc_ros.codec.rate import Budget, Drop
from jcc_ros.codec.sender import Sender
from jcc_ros.evaluation.frames import Frame, Outcome


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
            self._sender.add(topic, latent, chosen, frame.stamp, frame_id, time)
        except ValueError:  # a payload beyond what a packet holds
            outcome.dropped = "oversized"
            return None
        outcome.point = chosen
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
        delay = self._budget.max_delay
        while (due := self._sender.deadline(delay)) <= now / 1e9:
            self._now = now if due == -inf else round(due * 1e9)
            self._sender.send_due(due, delay)
        self._now = now

    def _send(self, topic: str, bundle: Bundle) -> None:
        waiting = self._waiting[topic]
        for outcome in waiting:
            outcome.wire_bits = bundle.wire_bits // bundle.frames
            outcome.sent = self._now
        waiting.clear()
