"""Whether scores tell how often they are right, counted in bins."""

from collections.abc import Iterator
from dataclasses import dataclass, field

BINS = 15


@dataclass(frozen=True)
class Bin:
    """What was counted of the scores of one bin.

    Attributes:
        centre: of the bin, 0 to 1.
        count: of the scores.
        mean_score: of them.
        accuracy: share that is right, 0 to 1.
    """

    centre: float
    count: int
    mean_score: float
    accuracy: float


@dataclass
class Reliability:
    """Scores of best labels, 0 to 1, in 15 equal bins, and how many of them are right."""

    # By bin: how many, sum of scores, how many right.
    _counts: dict[int, tuple[int, float, int]] = field(default_factory=dict)

    def add(self, score: float, right: bool) -> None:
        """Count one score."""
        self._plus(min(BINS - 1, int(score * BINS)), 1, score, int(right))

    def update(self, other: "Reliability") -> None:
        """Count what another has counted."""
        for place, added in other._counts.items():
            self._plus(place, *added)

    def __len__(self) -> int:
        return sum(count for count, _, _ in self._counts.values())

    @property
    def error(self) -> float | None:
        """The expected calibration error (Guo et al., arXiv 1706.04599), None of nothing."""
        if not self._counts:
            return None
        return sum(abs(total - right) for _, total, right in self._counts.values()) / len(self)

    def bins(self) -> Iterator[Bin]:
        """Yield the bins that hold scores, by rising score."""
        for place, (count, total, right) in sorted(self._counts.items()):
            yield Bin((place + 0.5) / BINS, count, total / count, right / count)

    def _plus(self, place: int, count: int, total: float, right: int) -> None:
        before = self._counts.get(place, (0, 0.0, 0))
        self._counts[place] = (before[0] + count, before[1] + total, before[2] + right)
