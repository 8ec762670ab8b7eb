"""Sums over the last seconds."""

from collections import deque


class Meter:
    """Adds up amounts over a sliding window.

    Args:
        window: seconds.
    """

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._entries: deque[tuple[float, float]] = deque()
        self._total = 0.0
        self._start: float | None = None

    def add(self, now: float, amount: float = 1.0) -> None:
        """Count `amount` at time `now`, seconds of any steady clock."""
        if self._start is None:
            self._start = now
        self._entries.append((now, amount))
        self._total += amount
        self._forget(now)

    def rate(self, now: float) -> float:
        """Return amount a second over the window, or since the first amount if that is shorter."""
        self._forget(now)
        if self._start is None:
            return 0.0
        # A second at least: one early frame is no rate.
        return self._total / min(self._window, max(1.0, now - self._start))

    def _forget(self, now: float) -> None:
        while self._entries and self._entries[0][0] <= now - self._window:
            self._total -= self._entries.popleft()[1]
