"""What an encoder would have sent of recorded images, with the bag's time as its clock."""

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.outbox import Outbox
from jcc_ros.codec.rate import Budget, Drop, RateController
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.evaluation.frames import Frame, Outcome


class Robot:
    """An encoder at one budget for all its image topics, infinitely fast, on the bag's clock.

    Frames that a slow encoder would have to drop are sent here: only the budget decides.

    Args:
        codec: of the model.
        budget: what its user asks for.
    """

    def __init__(self, codec: LatentCodec, budget: Budget) -> None:
        self._codec = codec
        self._budget = budget
        self._controller = RateController(codec.ladder)
        self._outboxes: dict[str, Outbox] = {}
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
        self.wait_until(now)
        outbox = self._outboxes.setdefault(topic, Outbox(self._codec))
        waiting = self._waiting.setdefault(topic, [])
        overhead = latent_message_bits(frame_id, 0)
        chosen = self._controller.admit(topic, time, overhead, self._budget)
        if isinstance(chosen, Drop):
            outcome.dropped = chosen.value
            return None
        if not outbox.fits(frame.stamp, frame_id):
            self._send(topic, now)
        try:
            outbox.add(latent, chosen, frame.stamp, frame_id, time)
        except ValueError:  # a payload beyond what a packet holds
            outcome.dropped = "oversized"
            return None
        outcome.point = chosen
        waiting.append(outcome)
        if len(outbox) >= self._controller.plan(topic).frames:
            self._send(topic, now)
        self.wait_until(now)
        return chosen

    def wait_until(self, now: int) -> None:
        """Send what is due until `now`, ns."""
        due = sorted(
            (outbox.deadline(self._budget.max_delay), topic)
            for topic, outbox in self._outboxes.items()
            if outbox
        )
        for deadline, topic in due:
            if deadline <= now / 1e9:
                self._send(topic, round(deadline * 1e9))

    def finish(self, now: int) -> None:
        """Send what waits, as an encoder does that is told to end."""
        for topic, outbox in self._outboxes.items():
            if outbox:
                self._send(topic, now)

    def _send(self, topic: str, now: int) -> None:
        bundle = self._outboxes[topic].take()
        bits = latent_message_bits(bundle.frame_id, len(bundle.data))
        self._controller.charge(topic, bits)
        waiting = self._waiting[topic]
        for outcome in waiting:
            outcome.wire_bits = bits // bundle.frames
            outcome.sent = now
        waiting.clear()
