"""A distribution of numbers in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Distribution:
    """Counts numbers, each rounded to four significant digits; mean and extremes are exact.

    A day of frames takes as little room as a minute, and two of them add up without a loss.
    """

    counts: Counter[float] = field(default_factory=Counter)
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        """Count one number."""
        self.counts[float(f"{value:.4g}")] += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)

    def update(self, other: "Distribution") -> None:
        """Count what another has counted."""
        self.counts.update(other.counts)
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    def __len__(self) -> int:
        return self.counts.total()

    @property
    def mean(self) -> float | None:
        """The mean, None of nothing."""
        return self.total / len(self) if self.counts else None

    def percentiles(self, *percents: float) -> list[float]:
        """Return percentiles as numpy does, linear between neighbours; empty of nothing."""
        if not self.counts:
            return []
        values = np.array(sorted(self.counts))
        reached = np.cumsum([self.counts[value] for value in values])
        places = np.array(percents) / 100 * (reached[-1] - 1)
        below = values[np.searchsorted(reached, np.floor(places), side="right")]
        above = values[np.searchsorted(reached, np.ceil(places), side="right")]
        between = below + (above - below) * (places - np.floor(places))
        return [float(min(max(v, self.least), self.most)) for v in between]

    def summary(self) -> dict[str, Any] | None:
        """Return count, mean, extremes and percentiles, None of nothing."""
        if not self.counts:
            return None
        names = ("p05", "p50", "p95", "p99")
        return {
            "count": len(self),
            "mean": self.mean,
            "min": self.least,
            "max": self.most,
            **dict(zip(names, self.percentiles(5, 50, 95, 99), strict=True)),
        }
