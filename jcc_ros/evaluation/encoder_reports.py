"""What encoders say of themselves in the status messages of a bag."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from jcc_ros.evaluation.distribution import Distribution
from jcc_ros.evaluation.text import printable


@dataclass
class EncoderReports:
    """What the encoders said of themselves.

    Attributes:
        by_second: (target, achieved) bit/s of all topics of an encoder, by the topic of its status
            and the second since the bag's start; of one bag alone.
        limits: how often they named which reason for missing a target.
        encode_times: s.
    """

    by_second: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    limits: Counter[str] = field(default_factory=Counter)
    encode_times: Distribution = field(default_factory=Distribution)

    def add(self, node: str, second: int, message: Any, topics: Iterable[Any]) -> None:
        """Count a status, whose definition may lack fields of today's.

        Args:
            node: topic of the status.
            second: since the bag's start.
            message: the EncoderStatus.
            topics: of its TopicStatus those that are asked for.
        """
        self.by_second[node, second] = (
            _amount(message, "bitrate_target"),
            _amount(message, "bitrate_wire"),
        )
        if getattr(message, "limit", ""):
            self.limits[printable(message.limit)] += 1
        for status in topics:
            if seconds := _amount(status, "encode_time"):
                self.encode_times.add(seconds)

    def update(self, other: "EncoderReports") -> None:
        """Add another bag's counts; times stay apart."""
        self.limits.update(other.limits)
        self.encode_times.update(other.encode_times)


class DropCounts:
    """The encoders' running counts of dropped frames, of which a bag holds a part."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], dict[str, int]] = {}

    def grown(self, node: str, status: Any, sent: int) -> dict[str, int]:
        """Return by how much the counts of a topic have grown since its last status, by reason.

        Args:
            node: topic of the status.
            status: the TopicStatus.
            sent: frames of the topic that the bag has shown so far.
        """
        drops = getattr(status, "dropped", ())
        counts = {printable(drop.reason): int(drop.count) for drop in drops}
        before = self._before.get((node, status.topic))
        if before is None:
            # Counts from before the recording are not the bag's.
            began_here = int(status.frames_sent) <= sent
            before = {} if began_here else counts
        self._before[node, status.topic] = counts
        changes = {reason: count - before.get(reason, 0) for reason, count in counts.items()}
        # A smaller count: the encoder was activated anew.
        return {reason: n if n >= 0 else counts[reason] for reason, n in changes.items()}


def _amount(message: Any, field_name: str) -> float:
    """Return a field's finite number above 0; 0 where there is none, as an encoder has it."""
    value = float(getattr(message, field_name, 0.0))
    return value if 0 < value < inf else 0.0
