"""From admitted frames to messages: what an encoder does between its network and the link.

    admit (rate controller) -> latent -> add (packet, outbox) -> send_due (message, charge)

The encoder node runs it on its own clock, an offline replay on a recording's.
"""

from collections.abc import Callable
from math import inf

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.budget import Budget
from jcc_ros.codec.drop import Drop
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.outbox import Bundle, Outbox
from jcc_ros.codec.packet import Packet
from jcc_ros.codec.rate import Plan, RateController
from jcc_ros.codec.wire import latent_message_bits


class Sender:
    """Sends the frames of all image topics of one encoder, at the bit rate of a budget.

    Not thread-safe. Times are seconds of one steady clock.

    Args:
        codec: of the model.
        send: called with the topic and the content of each message.
    """

    def __init__(self, codec: LatentCodec, send: Callable[[str, Bundle], None]) -> None:
        self._codec = codec
        self._send = send
        self._controller = RateController(codec.ladder)
        self._outboxes: dict[str, Outbox] = {}
        self._full: dict[str, int] = {}  # how many frames complete the topic's message

    def admit(self, topic: str, frame_id: str, now: float, budget: Budget) -> int | Drop:
        """Return the operating point for a frame that arrived `now`, or why to drop it.

        Bits are set aside for an admitted frame: `add` or `withdraw` it.

        Args:
            frame_id: of the image's header, which every message carries.
        """
        return self._controller.admit(topic, now, latent_message_bits(frame_id, 0), budget)

    def withdraw(self, topic: str) -> None:
        """Free what was set aside for an admitted frame that turned out unusable.

        What frames that wait have set aside is freed as well: they are charged when they are sent.
        """
        self._controller.charge(topic, 0)

    def add(
        self,
        topic: str,
        latent: NDArray[np.float32],
        point: int,
        stamp: int,
        frame_id: str,
        now: float,
    ) -> Packet:
        """Encode an admitted frame and return its packet.

        It leaves with the next `send_due` that finds it due.

        Args:
            latent: of the frame, [C, H, W].
            point: that `admit` returned.
            stamp: of the image, ns.
            now: from when on it may wait for others to share its message.
        Raises:
            OversizedError: a payload beyond what a packet holds; the frame is withdrawn.
        """
        outbox = self._outboxes.setdefault(topic, Outbox(self._codec))
        if not outbox.fits(stamp, frame_id):
            self.flush(topic)
        try:
            packet = outbox.add(latent, point, stamp, frame_id, now)
        except ValueError:
            self.withdraw(topic)
            raise
        self._full[topic] = self._controller.plan(topic).frames
        return packet

    def deadline(self, budget: Budget) -> float:
        """Return when to call `send_due`: at once (-inf), at a time, or never (inf)."""
        return min((self._due(topic, budget) for topic in self._outboxes), default=inf)

    def send_due(self, now: float, budget: Budget) -> None:
        """Send the messages that are complete or have waited for as long as the budget allows."""
        for topic in self._outboxes:
            if self._due(topic, budget) <= now:
                self.flush(topic)

    def flush(self, topic: str) -> None:
        """Send what waits of a topic."""
        outbox = self._outboxes.get(topic)
        if outbox:
            bundle = outbox.take()
            self._controller.charge(topic, bundle.wire_bits)
            self._send(topic, bundle)

    def forget(self, topic: str) -> None:
        """Stop counting a topic; what waits of it is gone unless it was flushed."""
        self._outboxes.pop(topic, None)
        self._full.pop(topic, None)
        self._controller.forget(topic)

    def plan(self, topic: str) -> Plan:
        """Return the plan that the topic's last frame was judged by."""
        return self._controller.plan(topic)

    def _due(self, topic: str, budget: Budget) -> float:
        outbox = self._outboxes[topic]
        # The budget may have changed since the plan.
        full = min(self._full.get(topic, 1), budget.frames_per_message)
        return -inf if len(outbox) >= full else outbox.deadline(budget.max_delay)
