"""From one bag to counts: a single pass, in memory that does not grow with the bag."""

import time as clock
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.packet import Packet, split
from jcc_ros.codec.rate import Budget
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.ros_images import ImageError, compressed_to_rgb, to_rgb
from jcc_ros.datasets.ros_types import (
    CLASSIFICATION,
    COMPRESSED_IMAGE,
    ENCODER_STATUS,
    IMAGE,
    LATENT,
    STRING,
)
from jcc_ros.evaluation.bags import Bag, BagError, Recorded, nanoseconds
from jcc_ros.evaluation.frames import (
    ON_ONE_MACHINE,
    OVER_A_LINK,
    Album,
    Frame,
    Frames,
    Outcome,
    Verdict,
)
from jcc_ros.evaluation.labeller import Labeller
from jcc_ros.evaluation.models import Models, model_folders
from jcc_ros.evaluation.replay import Robot
from jcc_ros.evaluation.rows import FRAMES_FILE, Rows
from jcc_ros.evaluation.statistics import EncoderReports, Topic
from jcc_ros.evaluation.truth import TopicTruth, Truth, folder_truth, read_table
from jcc_ros.evaluation.workers import workers
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel

_AHEAD = 2  # images for each thread that may be under way
_SWEEP = 128  # images that go through all operating points together
_BLOCK = 512  # messages between two looks for complete frames
_THUMBNAIL = 96  # pixels, width
_TELL = 0.2  # s between two calls of progress

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Options:
    """What to do with a bag.

    Attributes:
        models: folders of models, or of folders of models; empty for what is at hand.
        points: operating points to encode images at; empty for all; None for all if the bag has
            no latents and no bit rates are asked for, else for none.
        bitrates: bit/s to replay the rate controller at.
        budget: the rest of its budget.
        labels: CSV file with the truth.
        label_topic: topic with the truth; None for `<image topic>/truth`.
        label_folder: the truth is the name of the bag's folder.
        topics: image topics to look at, empty for all.
        threads: of this bag.
        out: folder that frames.csv is written to.
    """

    models: tuple[Path, ...] = ()
    points: tuple[int, ...] | None = None
    bitrates: tuple[float, ...] = ()
    budget: Budget = field(default_factory=Budget)
    labels: Path | None = None
    label_topic: str | None = None
    label_folder: bool = False
    topics: tuple[str, ...] = ()
    threads: int = 1
    out: Path | None = None


@dataclass(frozen=True)
class LadderPoint:
    """What calibration promised of an operating point: payload bits and accuracy."""

    bits: float
    accuracy: float


@dataclass
class BagResult:
    """What was found in a bag.

    Attributes:
        path: of the bag.
        error: why it could not be read, empty if it could.
        seconds: from its first message to its last.
        topics: by image topic.
        reports: what the encoder said of itself.
        models: model id of every model that was used, by name.
        ladder: of the model that replayed images or decoded latents.
        classes: that this model knows.
        notes: what a reader should know.
    """

    path: Path
    error: str = ""
    seconds: float = 0.0
    topics: dict[str, Topic] = field(default_factory=dict)
    reports: EncoderReports = field(default_factory=EncoderReports)
    models: dict[str, str] = field(default_factory=dict)
    ladder: list[LadderPoint] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(path: Path, options: Options, progress: Progress = lambda seconds: None) -> BagResult:
    """Read a bag from start to end and count what is in it.

    Args:
        progress: called every now and then with the seconds of the bag that were read since.
    Raises:
        DataError: the bag, the labels or the models do not fit.
        ModelFileError: a model file is missing or damaged.
    """
    with ExitStack() as stack:
        bag = stack.enter_context(Bag(path))
        pool = stack.enter_context(workers(options.threads))
        return _Examination(bag, options, pool, stack).run(progress)


@dataclass(frozen=True)
class _Way:
    """One way of sending frames: its name in files, its kind and its setting."""

    name: str
    kind: str
    setting: float | None = None


@dataclass(frozen=True)
class _Image:
    """What is kept of an image: the latent, if it is replayed, and a small copy."""

    latent: NDArray[np.float32] | None
    thumbnail: NDArray[np.uint8]


@dataclass(frozen=True)
class _Sent:
    """An image that is replayed: its frame, frame id, latent [C, h, w], and when it came, ns."""

    frame: Frame
    frame_id: str
    latent: NDArray[np.float32]
    time: int


class _Examination:
    """State of one pass through a bag."""

    def __init__(self, bag: Bag, options: Options, pool: Executor, stack: ExitStack) -> None:
        self._bag, self._options, self._pool = bag, options, pool
        self._result = BagResult(bag.path, seconds=bag.duration)
        self._models = Models(model_folders(options.models))
        self._labeller = Labeller(pool)
        self._bases = self._find_bases()
        linked = self._topics(LATENT, CLASSIFICATION)
        self._frames = Frames(OVER_A_LINK if linked else ON_ONE_MACHINE)
        self._album = Album()
        self._truth, self._truth_topics = self._find_truth()
        self._pair = self._find_pair()
        self._ways = self._find_ways()
        self._paced_by = "latent" if self._topics(LATENT) else "image"
        self._robots = self._find_robots()
        self._last_stamp: dict[tuple[str, str], int] = {}
        self._bounds: dict[str, tuple[int, int]] = {}
        self._counters: dict[tuple[str, str], tuple[dict[str, int], dict[str, int]]] = {}
        self._sent: dict[str, int] = {}
        self._waiting: list[_Sent] = []
        self._rows = self._open_rows(stack)

    # What the bag holds and what is to be done with it.

    def _find_bases(self) -> dict[str, str]:
        """Return the image topic that every topic belongs to."""
        bag = self._bag
        bases = {topic: topic for topic in bag.topics(IMAGE)}
        bases |= {t: t.removesuffix("/compressed") for t in bag.topics(COMPRESSED_IMAGE)}
        bases |= {t: t.removesuffix("/latent") for t in bag.topics(LATENT)}
        latents = {bases[topic] for topic in bag.topics(LATENT)}
        images = {bases[topic] for topic in bag.topics(IMAGE, COMPRESSED_IMAGE)}
        if len(latents) == len(images) == 1 and latents != images:
            # Remapped topics share no name, but there is only one pair.
            (image,) = images
            bases = dict.fromkeys(bases, image)
        labels = [t for t in bag.topics(CLASSIFICATION) if not self._is_truth(t)]
        known = set(bases.values())
        for topic in labels:
            base = topic.removesuffix("/labels")
            if base not in known and len(known) == 1 and len(labels) == 1:
                (base,) = known
            bases[topic] = base
        wanted = set(self._options.topics)
        if wanted - set(bases.values()):
            raise DataError(
                f"{bag.path}: no topic {', '.join(sorted(wanted - set(bases.values())))}; "
                f"there are {', '.join(sorted(set(bases.values()))) or 'none'}"
            )
        chosen = {t: b for t, b in bases.items() if not wanted or b in wanted}
        if not chosen:
            raise BagError(
                f"{bag.path}: no messages of type {LATENT}, {CLASSIFICATION}, {IMAGE} or "
                f"{COMPRESSED_IMAGE}"
            )
        return chosen

    def _is_truth(self, topic: str) -> bool:
        given = self._options.label_topic
        return topic == given or topic.endswith("/truth")

    def _find_truth(self) -> tuple[Truth, set[str]]:
        bag, options = self._bag, self._options
        if options.labels:
            return read_table(options.labels, bag.start), set()
        if options.label_folder:
            return folder_truth(bag.path, self._models.classes), set()
        present = bag.topics(CLASSIFICATION, STRING)
        if options.label_topic:
            if options.label_topic not in present:
                raise DataError(
                    f"{bag.path}: no labels on {options.label_topic}; topics of {STRING} or "
                    f"{CLASSIFICATION}: {', '.join(present) or 'none'}"
                )
            return TopicTruth(), {options.label_topic}
        return TopicTruth(), {t for t in bag.topics(CLASSIFICATION) if self._is_truth(t)}

    def _topics(self, *kinds: str) -> list[str]:
        return [topic for topic in self._bag.topics(*kinds) if topic in self._bases]

    def _find_pair(self) -> tuple[EncoderModel, ClassifierModel] | None:
        """Return the model that images are to be encoded by, if they are."""
        options, latents = self._options, self._topics(LATENT)
        asked = bool(options.bitrates) or options.points is not None
        if not self._topics(IMAGE, COMPRESSED_IMAGE):
            if asked:
                raise DataError(f"{self._bag.path}: no images to encode at other rates")
            return None
        if latents and not asked:
            return None
        pair = self._models.pair(self._recorded_model(latents))
        count = len(pair[0].codec.ladder)
        for point in options.points or ():
            if not 0 <= point < count:
                raise DataError(f"no operating point {point}: {pair[0].name} has 0 .. {count - 1}")
        return pair

    def _recorded_model(self, latents: list[str]) -> str | None:
        """Return how the id of the first packet's model begins, if that model is at hand."""
        for recorded in self._bag.messages(set(latents)):
            for packet in _packets(recorded.message)[0]:
                known = any(i.startswith(packet.model) for i in self._models.classifiers)
                return packet.model if known else None
        return None

    def _find_ways(self) -> list[_Way]:
        options, ways = self._options, []
        latents, labels = self._topics(LATENT), self._topics(CLASSIFICATION)
        if latents or labels:
            ways.append(_Way("recorded", "recorded"))
        if latents:
            ways.append(_Way("again", "again"))
        if self._pair is not None:
            points = options.points or ()
            if not points and not (options.points is None and options.bitrates):
                points = tuple(range(len(self._pair[0].codec.ladder)))
            ways += [_Way(f"point_{point}", "point", point) for point in points]
            ways += [_Way(f"bitrate_{rate:g}", "bitrate", rate) for rate in options.bitrates]
        return ways

    def _find_robots(self) -> dict[str, Robot]:
        if self._pair is None:
            return {}
        return {
            way.name: Robot(
                self._pair[0].codec,
                replace(self._options.budget, bitrate=way.setting or inf),
            )
            for way in self._ways
            if way.kind == "bitrate"
        }

    # The pass.

    def run(self, progress: Progress) -> BagResult:
        bag = self._bag
        topics = {*self._bases, *self._truth_topics, *bag.topics(ENCODER_STATUS)}
        read, told, told_at = bag.start, bag.start, clock.monotonic()
        for count, (recorded, image) in enumerate(self._ahead(bag.messages(topics)), 1):
            read = max(read, recorded.time)
            self._take(recorded, image)
            if count % _BLOCK == 0:
                self._count(list(self._frames.complete(read)))
            if clock.monotonic() - told_at > _TELL:
                progress((read - told) / 1e9)
                told, told_at = read, clock.monotonic()
        for robot in self._robots.values():
            robot.finish(read)
        self._count(list(self._frames.rest()))
        progress(bag.duration - (told - bag.start) / 1e9)
        return self._finish()

    def _ahead(self, messages: Iterator[Recorded]) -> Iterator[tuple[Recorded, Any]]:
        """Yield messages in order, while the images of the next ones are already worked on."""
        waiting: deque[tuple[Recorded, Future | None]] = deque()
        images, most = 0, _AHEAD * self._options.threads
        for recorded in messages:
            is_image = recorded.kind in (IMAGE, COMPRESSED_IMAGE)
            future = self._pool.submit(self._prepare, recorded) if is_image else None
            images += is_image
            # The pixels stay with the future alone.
            kept = (
                Recorded(recorded.kind, recorded.topic, recorded.time, recorded.message.header)
                if is_image
                else recorded
            )
            waiting.append((kept, future))
            while waiting and (images > most or waiting[0][1] is None):
                recorded, future = waiting.popleft()
                images -= future is not None
                yield recorded, future and future.result()
        for recorded, future in waiting:
            yield recorded, future and future.result()

    def _prepare(self, recorded: Recorded) -> _Image | ImageError:
        """Do what costs time on an image: one of the pool's threads."""
        convert = to_rgb if recorded.kind == IMAGE else compressed_to_rgb
        try:
            # Two sizes are needed of it: resizing and conversion of colours may change places.
            pixels = convert(recorded.message, lambda image: image)
        except ImageError as error:
            return error
        return _Image(self._pair[0].latent(pixels) if self._pair else None, _shrink(pixels))

    def _take(self, recorded: Recorded, image: _Image | ImageError | None) -> None:
        if recorded.topic in self._truth_topics:
            self._take_truth(recorded)
        elif recorded.kind == LATENT:
            self._take_latents(recorded)
        elif recorded.kind == CLASSIFICATION:
            self._take_label(recorded)
        elif recorded.kind == ENCODER_STATUS:
            self._take_status(recorded)
        elif image is not None:
            self._take_image(recorded, image)

    def _topic(self, base: str) -> Topic:
        found = self._result.topics.get(base)
        if found is None:
            found = self._result.topics[base] = Topic(base)
        return found

    def _frame(self, base: str, stamp: int, now: int, part: str) -> Frame | None:
        """Return the frame that a message is about, None if it has come before."""
        frame = self._frames.at(base, stamp, now)
        if getattr(frame, f"{part}_time") is not None:
            self._topic(base).duplicates[part] += 1
            return None
        setattr(frame, f"{part}_time", now)
        before = self._last_stamp.get((base, part))
        if before is not None and stamp > before:
            if part == self._paced_by:
                self._topic(base).intervals.add((stamp - before) / 1e9)
        self._last_stamp[base, part] = max(stamp, before or stamp)
        return frame

    def _outcome(self, frame: Frame) -> Outcome:
        """Return what was recorded of a frame so far."""
        found = frame.outcomes.get("recorded")
        if found is None:
            found = frame.outcomes["recorded"] = Outcome()
        return found

    def _take_truth(self, recorded: Recorded) -> None:
        truth = self._truth
        assert isinstance(truth, TopicTruth)
        message = recorded.message
        if recorded.kind == STRING:
            truth.hold(recorded.time, message.data)
            return
        label = message.labels[0] if len(message.labels) else ""
        stamp = nanoseconds(message.header.stamp)
        own = recorded.topic.removesuffix("/truth")
        bases = set(self._bases.values())
        for base in {own} & bases or bases:
            self._frames.at(base, stamp, recorded.time).recorded_truth = label

    def _take_latents(self, recorded: Recorded) -> None:
        base, message = self._bases[recorded.topic], recorded.message
        topic = self._topic(base)
        packets, problem = _packets(message)
        topic.messages += 1
        bits = latent_message_bits(message.header.frame_id, len(message.data))
        topic.message_bits.add(bits)
        if problem:
            topic.refused[problem] += 1
        start = nanoseconds(message.header.stamp)
        for packet in packets:
            try:
                decoded = self._models.decode(packet)
            except PacketError as error:
                topic.refused[str(error)] += 1
                continue
            frame = self._frame(base, start + packet.offset, recorded.time, "latent")
            if frame is None:
                continue
            self._sent[base] = self._sent.get(base, 0) + 1
            sent = {
                "point": packet.point,
                "payload_bits": 8 * len(packet.payload),
                "wire_bits": bits // len(packets),
                "sent": recorded.time,
            }
            outcome = self._outcome(frame)
            for name, value in sent.items():
                setattr(outcome, name, value)
            if decoded is None:
                self._note(f"packets of model {packet.model}: no such model at hand")
                continue
            model, latent = decoded
            self._use(model)
            frame.outcomes["again"] = Outcome(**sent, verdict=self._labeller.ask(model, latent))

    def _take_label(self, recorded: Recorded) -> None:
        base, message = self._bases[recorded.topic], recorded.message
        frame = self._frame(base, nanoseconds(message.header.stamp), recorded.time, "label")
        if frame is None:
            return
        outcome = self._outcome(frame)
        if outcome.sent is None:  # without latents in the bag, the label says what they were
            outcome.point = _optional(message, "operating_point")
            outcome.payload_bits = _optional(message, "payload_bits")
            outcome.wire_bits = _optional(message, "wire_bits")
            outcome.sent = recorded.time
        if len(message.labels):
            scores = getattr(message, "scores", ())
            score = float(scores[0]) if len(scores) else None
            outcome.verdict = Verdict(str(message.labels[0]), score)
        for name in ("received", "classified"):
            time = getattr(message, name, None)
            if time is not None and nanoseconds(time):
                setattr(frame, name, nanoseconds(time))

    def _take_status(self, recorded: Recorded) -> None:
        message, reports = recorded.message, self._result.reports
        second = (recorded.time - self._bag.start) // 10**9
        reports.by_second[second] = (
            float(getattr(message, "bitrate_target", 0.0)),
            float(getattr(message, "bitrate_wire", 0.0)),
        )
        if getattr(message, "limit", ""):
            reports.limits[message.limit] += 1
        for status in message.topics:
            if status.topic not in self._bases.values():
                continue
            if getattr(status, "encode_time", 0):
                reports.encode_times.add(float(status.encode_time))
            counts = {drop.reason: int(drop.count) for drop in getattr(status, "dropped", ())}
            self._count_drops(recorded.topic, status, counts)

    def _count_drops(self, node: str, status: Any, counts: dict[str, int]) -> None:
        """Add what the encoder's running counts have grown by."""
        key = (node, status.topic)
        before = self._counters.get(key)
        if before is None:
            # Counts from before the recording are not the bag's.
            began_here = int(status.frames_sent) <= self._sent.get(status.topic, 0)
            before = {} if began_here else counts
        for reason, count in counts.items():
            grown = count - before.get(reason, 0)
            # A smaller count: the encoder was activated anew.
            self._topic(status.topic).dropped[reason] += grown if grown >= 0 else count
        self._counters[key] = counts

    def _take_image(self, recorded: Recorded, image: _Image | ImageError) -> None:
        base, header = self._bases[recorded.topic], recorded.message
        if isinstance(image, ImageError):
            self._topic(base).refused[f"image: {image}"] += 1
            return
        frame = self._frame(base, nanoseconds(header.stamp), recorded.time, "image")
        if frame is None:
            return
        frame.thumbnail = self._album.keep(image.thumbnail)
        if image.latent is not None:
            self._replay(_Sent(frame, header.frame_id, image.latent, recorded.time))

    def _replay(self, image: _Sent) -> None:
        """Send an image in every way that was asked for."""
        assert self._pair is not None
        self._use(self._pair[1])
        for way in self._ways:
            if way.kind == "bitrate":
                self._offer(image, way.name)
        if any(way.kind == "point" for way in self._ways):
            self._waiting.append(image)
        if len(self._waiting) == _SWEEP:
            self._sweep()

    def _offer(self, image: _Sent, way: str) -> None:
        """Offer an image to the encoder's rate controller."""
        assert self._pair is not None
        encoder, classifier = self._pair
        outcome = image.frame.outcomes[way] = Outcome()
        point = self._robots[way].offer(
            image.frame, image.frame_id, image.latent, image.time, outcome
        )
        if point is not None:
            outcome.payload_bits = 8 * len(encoder.codec.encode(image.latent, point).payload)
            received = encoder.codec.received(image.latent, point)
            outcome.verdict = self._labeller.ask(classifier, received)

    def _sweep(self) -> None:
        """Send the images that wait at every operating point, many at once: one by one, most of
        the time would be the interpreter's.
        """
        if not self._waiting:
            return
        assert self._pair is not None
        encoder, classifier = self._pair
        images, self._waiting = self._waiting, []
        latents = np.stack([image.latent for image in images])
        for way in self._ways:
            if way.kind != "point":
                continue
            assert way.setting is not None
            point = int(way.setting)
            symbols = encoder.codec.symbols(latents, point)
            received = encoder.codec.received(latents, point)
            for image, row, latent in zip(images, symbols, received, strict=True):
                outcome = image.frame.outcomes[way.name] = Outcome(point=point, sent=image.time)
                try:
                    packet = encoder.codec.pack(row, point)
                except ValueError:  # a payload beyond what a packet holds
                    outcome.dropped = "oversized"
                    continue
                outcome.payload_bits = 8 * len(packet.payload)
                outcome.wire_bits = latent_message_bits(image.frame_id, len(packet.to_bytes()))
                outcome.verdict = self._labeller.ask(classifier, latent)

    def _use(self, model: ClassifierModel) -> None:
        result = self._result
        if model.codec.model_id in result.models:
            return
        if not result.models:
            result.ladder = [LadderPoint(p.bits, p.accuracy) for p in model.codec.ladder]
            result.classes = list(model.classes)
        result.models[model.codec.model_id] = model.name

    def _note(self, text: str) -> None:
        if text not in self._result.notes:
            self._result.notes.append(text)

    # Counting what is complete.

    def _count(self, frames: list[Frame]) -> None:
        # As a rule all of it was done long ago, and new work goes on beside the counting.
        waiting = {id(image.frame) for image in self._waiting}
        if any(id(frame) in waiting for frame in frames):
            self._sweep()
        if any(o.verdict.pending for frame in frames for o in frame.outcomes.values()):
            self._labeller.finish()
        for frame in frames:
            if frame.outcomes or frame.image_time is not None or self._within(frame.stamp):
                self._count_frame(frame)

    def _within(self, stamp: int) -> bool:
        """Say whether a frame that only the truth tells of belongs to the time of the bag."""
        start = self._bag.start
        return start <= stamp <= start + self._bag.duration * 1e9

    def _count_frame(self, frame: Frame) -> None:
        topic = self._topic(frame.topic)
        frame.truth = self._truth.of(frame)
        topic.frames += 1
        low, high = self._bounds.get(frame.topic, (frame.stamp, frame.stamp))
        self._bounds[frame.topic] = min(low, frame.stamp), max(high, frame.stamp)
        topic.images += frame.image_time is not None
        topic.latents += frame.latent_time is not None
        topic.labels += frame.label_time is not None
        topic.unlabelled += frame.latent_time is not None and frame.label_time is None
        topic.untold += frame.image_time is not None and frame.latent_time is None
        for name, begin, end in (
            ("stamp_to_latent", frame.stamp, frame.latent_time),
            ("latent_to_label", frame.latent_time, frame.label_time),
            ("stamp_to_label", frame.stamp, frame.label_time),
            ("stamp_to_received", frame.stamp, frame.received),
            ("received_to_classified", frame.received, frame.classified),
        ):
            if begin is not None and end is not None:
                topic.latency(name, (end - begin) / 1e9)
        labels = [
            frame.outcomes[name].verdict.label
            for name in ("recorded", "again")
            if name in frame.outcomes
        ]
        if len(labels) == 2 and None not in labels:
            topic.compared += 1
            topic.agreed += labels[0] == labels[1]
        for way in self._ways:
            topic.track(way.name, way.kind, way.setting).add(frame, way.name, self._bag.start)
        if self._rows is not None:
            self._rows.write(frame)

    def _open_rows(self, stack: ExitStack) -> Rows | None:
        if self._options.out is None:
            return None
        self._options.out.mkdir(parents=True, exist_ok=True)
        file = (self._options.out / FRAMES_FILE).open("w", newline="", encoding="utf-8")
        names = [way.name for way in self._ways]
        return Rows(stack.enter_context(file), self._bag.path, names)

    def _finish(self) -> BagResult:
        result = self._result
        for topic in result.topics.values():
            low, high = self._bounds.get(topic.name, (0, 0))
            # n frames span n - 1 periods.
            topic.seconds = (high - low) / 1e9 * topic.frames / max(1, topic.frames - 1)
            # A clock that jumps makes no rate; neither does a single frame.
            for track in topic.tracks.values():
                unknown = {truth for truth, _ in track.confusion} - set(result.classes)
                if unknown and result.classes:
                    listed = ", ".join(sorted(unknown)[:10])
                    self._note(f"the model does not know some true classes: {listed}")
        return result


def _packets(message: Any) -> tuple[list[Packet], str]:
    """Return the packets of a Latent, and what is wrong with the rest of it, if anything is."""
    packets: list[Packet] = []
    try:
        packets.extend(split(bytes(message.data)))
    except PacketError as error:
        # extend keeps what came before the refused one.
        return packets, str(error)
    return packets, ""


def _optional(message: Any, field_name: str) -> int | None:
    value = getattr(message, field_name, None)
    return None if value is None else int(value)


def _shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(pixels, size, interpolation=method)
