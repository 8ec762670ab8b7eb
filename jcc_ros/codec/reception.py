"""What a receiver notes of the messages on one topic, and reports to their sender."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """What a receiver says of the messages on one topic.

    Attributes:
        receiver: tells receivers apart.
        sequence: number of the last message that arrived; a sender's first is 1.
        messages: how many have arrived.
        arrived: when the last one did, s of the receiver's clock.
        delay: the shortest time from sending to arrival since the report before, s, as the two
            clocks show it: only differences mean something.
    """

    receiver: int
    sequence: int
    messages: int
    arrived: float
    delay: float


class Reception:
    """Sums up the messages of one topic.

    Args:
        receiver: for the reports.
    """

    def __init__(self, receiver: int) -> None:
        self._receiver = receiver
        self._sequence = self._messages = 0
        self._arrived = 0.0
        self._delay = math.inf

    def note(self, sequence: int, sent: float, arrived: float) -> None:
        """Count a message.

        Args:
            sequence: its number among the sender's.
            sent: s of the sender's clock.
            arrived: s of the receiver's clock.
        """
        if sequence <= self._sequence:  # the sender has started anew
            self._messages, self._delay = 0, math.inf
        self._sequence, self._arrived = sequence, arrived
        self._messages += 1
        self._delay = min(self._delay, arrived - sent)

    def report(self) -> Report | None:
        """Return what there is to say since the last call, None without a message."""
        if math.isinf(self._delay):
            return None
        delay, self._delay = self._delay, math.inf
        return Report(self._receiver, self._sequence, self._messages, self._arrived, delay)
