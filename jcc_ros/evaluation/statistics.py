"""What is counted of a bag: per topic, and per way of sending its frames.

Everything here adds up: the counts of many bags are the sums of the counts of each.
"""

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count as numbers

from jcc_ros.datasets.lossy import encode
from jcc_ros.evaluation.distribution import Distribution
from jcc_ros.evaluation.frames import FAR, Frame, Outcome
from jcc_ros.evaluation.plan import Way
from jcc_ros.evaluation.reliability import Reliability

_MISTAKES = 12  # that are kept, those of the highest score
_QUALITY = 95  # of their pictures, as OpenCV counts
_GAP = 1.5  # typical intervals: what is longer is a gap
_SUMS = (
    *("frames", "images", "latents", "labels", "messages"),
    *("unlabelled", "late", "untold", "compared", "agreed", "seconds"),
)  # of a topic
_order = numbers()  # breaks ties between mistakes of the same score


@dataclass
class Second:
    """What was sent in one second.

    Attributes:
        bits: at the IP layer.
        frames: how many.
        points: sum of their operating points.
    """

    bits: int = 0
    frames: int = 0
    points: int = 0


@dataclass(frozen=True)
class Mistake:
    """One frame that was taken for something else.

    Attributes:
        topic, stamp: of the frame.
        seconds: since the start of its bag.
        truth, label, score: what it shows, what it was taken for, and how surely.
        thumbnail: JPEG, empty where no image was recorded.
    """

    topic: str
    stamp: int
    seconds: float
    truth: str
    label: str
    score: float
    thumbnail: bytes


@dataclass
class Track:
    """One way of sending the frames of a topic, and what came of it.

    Attributes:
        way: of sending.
        frames, labelled, dropped: counts, the last by reason.
        payload_bits, wire_bits: of the frames that were sent.
        wait: s from the stamp to the moment of sending, in replays.
        points: frames by operating point.
        right, known: frames by operating point that got the right label, and whose truth is known.
        confusion: frames by (truth, label).
        reliability: of the scores.
        lost: frames of known truth without a label.
        seconds: by whole second since the start of the bag.
        mistakes: a heap of those with the highest scores.
    """

    way: Way
    frames: int = 0
    labelled: int = 0
    lost: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    payload_bits: Distribution = field(default_factory=Distribution)
    wire_bits: Distribution = field(default_factory=Distribution)
    wait: Distribution = field(default_factory=Distribution)
    points: Counter[int] = field(default_factory=Counter)
    right: Counter[int] = field(default_factory=Counter)
    known: Counter[int] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    reliability: Reliability = field(default_factory=Reliability)
    seconds: dict[int, Second] = field(default_factory=dict)
    mistakes: list[tuple[float, int, Mistake]] = field(default_factory=list)

    @property
    def correct(self) -> int:
        """Labelled frames whose label is right."""
        return sum(n for (truth, label), n in self.confusion.items() if truth == label)

    @property
    def judged(self) -> int:
        """Labelled frames whose truth is known."""
        return self.confusion.total()

    @property
    def accuracy(self) -> float | None:
        """Share of the judged frames that are right, None without any."""
        return self.correct / self.judged if self.judged else None

    def add(self, frame: Frame, origin: int) -> None:
        """Count a frame.

        Args:
            origin: start of the bag, ns.
        """
        outcome = frame.outcomes.get(self.way.name)
        if outcome is None:
            self.lost += frame.truth is not None
            return
        self.frames += 1
        if outcome.dropped:
            self.dropped[outcome.dropped] += 1
        if outcome.payload_bits is not None:
            self.payload_bits.add(outcome.payload_bits)
        if outcome.wire_bits is not None:
            self.wire_bits.add(outcome.wire_bits)
        if outcome.point is not None:
            self.points[outcome.point] += 1
        if outcome.sent is not None:
            place = (outcome.sent - origin) // 10**9
            second = self.seconds.get(place)
            if second is None:
                second = self.seconds[place] = Second()
            second.bits += outcome.wire_bits or 0
            second.frames += 1
            second.points += outcome.point or 0
            if self.way.kind == "bitrate" and frame.image_time is not None:
                self.wait.add((outcome.sent - frame.image_time) / 1e9)
        self._judge(frame, outcome, (frame.first_recorded - origin) / 1e9)

    def _judge(self, frame: Frame, outcome: Outcome, seconds: float) -> None:
        truth, point = frame.truth, outcome.point
        label, score = outcome.verdict.label, outcome.verdict.score
        if label is None:
            self.lost += truth is not None
            return
        self.labelled += 1
        if truth is None:
            return
        right = label == truth
        self.confusion[truth, label] += 1
        self.known[point or 0] += 1
        self.right[point or 0] += right
        if score is None:
            return
        self.reliability.add(score, right)
        # Coding a picture costs more than all the rest.
        surest = len(self.mistakes) < _MISTAKES or score > self.mistakes[0][0]
        if not right and surest:
            shown = frame.thumbnail
            picture = b"" if shown is None else encode("JPEG", shown, _QUALITY)
            self._keep(Mistake(frame.topic, frame.stamp, seconds, truth, label, score, picture))

    def _keep(self, mistake: Mistake) -> None:
        heapq.heappush(self.mistakes, (mistake.score, next(_order), mistake))
        if len(self.mistakes) > _MISTAKES:
            heapq.heappop(self.mistakes)

    def update(self, other: "Track") -> None:
        """Add another bag's counts; times start at the start of each bag and stay apart."""
        for name in ("frames", "labelled", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in (
            *("dropped", "payload_bits", "wire_bits", "wait", "points", "right", "known"),
            *("confusion", "reliability"),
        ):
            getattr(self, name).update(getattr(other, name))
        # New numbers: those of two processes may be the same.
        for _, _, mistake in sorted(other.mistakes, key=lambda entry: entry[:2]):
            self._keep(mistake)

    def worst(self) -> list[Mistake]:
        """Return the mistakes that are kept, the surest first."""
        ordered = sorted(self.mistakes, key=lambda entry: (-entry[0], entry[2].stamp))
        return [mistake for _, _, mistake in ordered]


@dataclass
class Topic:
    """One image topic of a bag: what became of its frames.

    Attributes:
        name: of the image topic.
        frames: camera images that the bag knows of.
        images, latents, labels: frames of which the bag holds these.
        messages: Latent messages.
        duplicates: frames that came again, by the kind of message.
        unlabelled: frames with a latent and without a recorded label.
        late: labels that came when their frames had been counted.
        untold: frames with a recorded image and without a latent.
        refused: packets and images that could not be read, by reason.
        dropped: frames that the encoder reported as dropped, by reason.
        intervals: s between successive stamps of latents, or of images where there are none.
        message_bits: at the IP layer, of each Latent message.
        latencies: s, by what lies between, as far as both times are of one clock.
        foreign: frames with times of another clock; of one bag alone.
        span: times of the first and the last frame, ns; of one bag alone.
        seconds: that the frames take, from the first time to the last and one interval more.
        compared, agreed: frames labelled twice, and how many of them with the same label.
        tracks: by the name of their way of sending.
    """

    name: str
    frames: int = 0
    images: int = 0
    latents: int = 0
    labels: int = 0
    messages: int = 0
    duplicates: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    late: int = 0
    untold: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    intervals: Distribution = field(default_factory=Distribution)
    message_bits: Distribution = field(default_factory=Distribution)
    latencies: dict[str, Distribution] = field(default_factory=lambda: defaultdict(Distribution))
    foreign: int = 0
    span: tuple[int, int] | None = None
    seconds: float = 0.0
    compared: int = 0
    agreed: int = 0
    tracks: dict[str, Track] = field(default_factory=dict)

    def add(self, frame: Frame) -> None:
        """Count a frame, but for what became of it in each way of sending."""
        self.frames += 1
        first, last = self.span or (frame.time, frame.time)
        first, last = self.span = min(first, frame.time), max(last, frame.time)
        # n frames span n - 1 intervals.
        self.seconds = (last - first) / 1e9 * self.frames / max(1, self.frames - 1)
        self.images += frame.image_time is not None
        self.latents += frame.latent_time is not None
        self.labels += frame.label_time is not None
        self.unlabelled += frame.latent_time is not None and frame.label_time is None
        self.untold += frame.image_time is not None and frame.latent_time is None
        foreign = False
        for name, begin, end in (
            ("stamp_to_latent", frame.stamp, frame.latent_time),
            ("latent_to_label", frame.latent_time, frame.label_time),
            ("stamp_to_label", frame.stamp, frame.label_time),
            ("stamp_to_received", frame.stamp, frame.received),
            ("received_to_classified", frame.received, frame.classified),
        ):
            if begin is None or end is None:
                continue
            if abs(end - begin) < FAR:
                self.latencies[name].add((end - begin) / 1e9)
            else:
                foreign = True
        self.foreign += foreign
        labels = [
            frame.outcomes[name].verdict.label
            for name in ("recorded", "again")
            if name in frame.outcomes
        ]
        if len(labels) == 2 and None not in labels:
            self.compared += 1
            self.agreed += labels[0] == labels[1]

    def track(self, way: Way) -> Track:
        """Return the track of a way of sending, made if need be."""
        found = self.tracks.get(way.name)
        if found is None:
            found = self.tracks[way.name] = Track(way)
        return found

    @property
    def gaps(self) -> list[tuple[float, int]]:
        """Intervals much longer than the median one, s, and how often each."""
        if not self.intervals.counts:
            return []
        (typical,) = self.intervals.percentiles(50)
        found = [(s, n) for s, n in self.intervals.counts.items() if s > _GAP * typical]
        return sorted(found, reverse=True)

    def update(self, other: "Topic") -> None:
        """Add another bag's counts."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("duplicates", "refused", "dropped", "intervals", "message_bits"):
            getattr(self, name).update(getattr(other, name))
        for name, distribution in other.latencies.items():
            self.latencies[name].update(distribution)
        for track in other.tracks.values():
            self.track(track.way).update(track)
