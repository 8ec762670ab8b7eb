"""Frames of a bag, put together from messages that arrive one by one and in any order."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# How long parts of one frame may be apart in the bag, ns.
OVER_A_LINK = 30 * 10**9  # a thin one delays, then delivers late
ON_ONE_MACHINE = 10 * 10**9
FAR = 10**12  # ns between stamp and recording, beyond which the clocks are different ones
_PAGE = 64  # pictures
_MOST = 20_000  # frames that wait, whatever their times


@dataclass(slots=True)
class Verdict:
    """What a classifier says of one packet; None until it has been asked.

    Attributes:
        label: the best class name.
        score: its softmax probability.
        pending: it has been asked and has not answered yet.
    """

    label: str | None = None
    score: float | None = None
    pending: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of one frame in one way of sending it.

    Attributes:
        point: operating point, None where nothing was sent.
        payload_bits: written by the entropy coder.
        wire_bits: its share of the message at the IP layer.
        verdict: what it was taken for.
        sent: when its message was sent or recorded, ns of the bag's clock.
        dropped: why it was not sent, empty if it was.
    """

    point: int | None = None
    payload_bits: int | None = None
    wire_bits: int | None = None
    verdict: Verdict = field(default_factory=Verdict)
    sent: int | None = None
    dropped: str = ""


@dataclass(slots=True)
class Frame:
    """One camera image and all that the bag tells of it.

    Attributes:
        topic: of the image, whether or not images were recorded.
        stamp: of the image, ns.
        image_time, latent_time, label_time: when these were recorded, ns.
        received, classified: the classifier's own times, ns.
        recorded_truth: label of a truth topic for just this frame.
        truth: what it really shows, if known.
        thumbnail: small RGB image [h, w, 3].
        outcomes: by way of sending.
    """

    topic: str
    stamp: int
    image_time: int | None = None
    latent_time: int | None = None
    label_time: int | None = None
    received: int | None = None
    classified: int | None = None
    recorded_truth: str | None = None
    truth: str | None = None
    thumbnail: NDArray[np.uint8] | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def seen(self) -> bool:
        """There was a frame, not only somebody's word of what it would show."""
        return any(t is not None for t in (self.image_time, self.latent_time, self.label_time))

    @property
    def first_recorded(self) -> int:
        """When the first part of it was recorded, ns; its stamp if no part was."""
        times = (self.image_time, self.latent_time, self.label_time)
        return min((time for time in times if time is not None), default=self.stamp)

    @property
    def time(self) -> int:
        """When it was taken, ns of the bag's clock: its stamp, unless that is of another clock, as
        in a simulation or before a driver knows the time; then when it was recorded.
        """
        recorded = self.first_recorded
        return self.stamp if abs(self.stamp - recorded) < FAR else recorded


class Album:
    """Keeps small pictures in blocks: one by one they would break up the room for large ones."""

    def __init__(self) -> None:
        self._block = np.empty((0, 0, 0, 3), np.uint8)
        self._kept = 0

    def keep(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a copy of a picture [h, w, 3]."""
        if self._kept == len(self._block) or picture.shape != self._block.shape[1:]:
            self._block = np.empty((_PAGE, *picture.shape), np.uint8)
            self._kept = 0
        place = self._block[self._kept]
        place[:] = picture
        self._kept += 1
        return place


class Frames:
    """Frames whose parts may still arrive, by topic and stamp.

    Args:
        horizon: how long after the first part, ns.
    """

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        self._waiting: dict[tuple[str, int], tuple[int, Frame]] = {}
        self._over: dict[str, int] = {}  # stamp of the last complete frame that was sent, by topic

    def at(self, topic: str, stamp: int, now: int) -> Frame:
        """Return the frame of a stamp, made if need be.

        Args:
            stamp: of the image, ns.
            now: time in the bag, ns.
        """
        found = self._waiting.get((topic, stamp))
        if found is None:
            found = self._waiting[topic, stamp] = (now, Frame(topic, stamp))
        return found[1]

    def over(self, topic: str, stamp: int) -> bool:
        """Say whether a label of this stamp can only belong to a frame that is complete already."""
        if (topic, stamp) in self._waiting or topic not in self._over:
            return False
        return stamp <= self._over[topic]

    def complete(self, now: int) -> Iterator[Frame]:
        """Yield, and forget, the frames that began too long ago for anything to arrive."""
        while self._waiting:
            key = next(iter(self._waiting))
            if self._waiting[key][0] > now - self._horizon and len(self._waiting) <= _MOST:
                return
            _, frame = self._waiting.pop(key)
            # A label that begins a frame of its own does not come late for another.
            if frame.image_time is not None or frame.latent_time is not None:
                self._over[frame.topic] = frame.stamp
            yield frame

    def rest(self) -> Iterator[Frame]:
        """Yield, and forget, all that wait."""
        waiting, self._waiting = self._waiting, {}
        for _, frame in waiting.values():
            yield frame
