"""From one bag to counts: a single pass, in memory that does not grow with the bag."""

import time as clock
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.wire import latent_message_bits
from jcc_ros.datasets.ros_images import ImageError
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.datasets.ros_types import CLASSIFICATION, ENCODER_STATUS, LATENT, STRING
from jcc_ros.evaluation.bag_images import pixels_of
from jcc_ros.evaluation.bags import Bag, Recorded, packets
from jcc_ros.evaluation.encoder_reports import DropCounts
from jcc_ros.evaluation.frames import (
    FAR,
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
from jcc_ros.evaluation.plan import Options, plan
from jcc_ros.evaluation.read_ahead import ahead
from jcc_ros.evaluation.replay import Replay, Shot
from jcc_ros.evaluation.result import BagResult, LadderPoint
from jcc_ros.evaluation.rows import Rows, open_rows
from jcc_ros.evaluation.statistics import Topic
from jcc_ros.evaluation.text import name_of, printable
from jcc_ros.evaluation.truth import TopicTruth
from jcc_ros.evaluation.truth_table import TableTruth
from jcc_ros.evaluation.workers import workers
from jcc_ros.networks.classifier_model import ClassifierModel

_AHEAD = 2  # images for each thread that may be under way
_BLOCK = 512  # messages between two looks for complete frames
_THUMBNAIL = 96  # pixels, width
_TELL = 0.2  # s between two calls of progress

Progress = Callable[[float], None]


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
class _Image:
    """What is kept of an image: the latent, if it is replayed, and a small copy."""

    latent: NDArray[np.float32] | None
    thumbnail: NDArray[np.uint8]


class _Examination:
    """State of one pass through a bag."""

    def __init__(self, bag: Bag, options: Options, pool: Executor, stack: ExitStack) -> None:
        self._bag, self._pool = bag, pool
        self._ahead_at_most = _AHEAD * options.threads
        self._result = BagResult(bag.path, seconds=bag.duration)
        self._models = Models(model_folders(options.models))
        self._labeller = Labeller(pool)
        self._plan = plan(bag, options, self._models)
        self._result.notes += self._plan.notes
        self._replay: Replay | None = None
        if self._plan.pair is not None:
            encoder, classifier = self._plan.pair
            self._replay = Replay(
                encoder.codec, classifier, self._plan.ways, options.budget, self._labeller
            )
        horizon = OVER_A_LINK if self._plan.linked else ON_ONE_MACHINE
        # Replayed frames may wait for others to share their message.
        self._frames = Frames(horizon + round(1e9 * options.budget.max_delay))
        self._album = Album()
        self._last: dict[tuple[str, str], tuple[int, int]] = {}  # stamp and time of recording
        self._stamps: tuple[int, int] | None = None  # the first and the last
        self._drops = DropCounts()
        self._sent: dict[str, int] = {}
        self._labels = options.labels
        self._rows: Rows | None = None
        if options.out is not None:
            names = [way.name for way in self._plan.ways]
            self._rows = stack.enter_context(open_rows(options.out, bag.path, names))

    def run(self, progress: Progress) -> BagResult:
        bag = self._bag
        topics = {*self._plan.bases, *self._plan.truth_topics, *bag.topics(ENCODER_STATUS)}
        read, told, told_at = bag.start, bag.start, clock.monotonic()
        read_ahead = ahead(bag.messages(topics), self._prepare, self._pool, self._ahead_at_most)
        for count, (recorded, image) in enumerate(read_ahead, 1):
            read = max(read, recorded.time)
            self._take(recorded, image)
            if count % _BLOCK == 0:
                self._count(list(self._frames.complete(read)))
            if clock.monotonic() - told_at > _TELL:
                progress((read - told) / 1e9)
                told, told_at = read, clock.monotonic()
        if self._replay is not None:
            self._replay.finish(read)
        self._count(list(self._frames.rest()))
        progress(bag.duration - (told - bag.start) / 1e9)
        return self._finish()

    def _prepare(self, recorded: Recorded) -> _Image | ImageError:
        """Do what costs time on an image: one of the pool's threads."""
        try:
            # Of its own size: two are made of it.
            image = pixels_of(recorded)
        except ImageError as error:
            return error
        pair = self._plan.pair
        return _Image(pair[0].latent(image) if pair else None, _shrink(image))

    def _take(self, recorded: Recorded, image: _Image | ImageError | None) -> None:
        if recorded.topic in self._plan.truth_topics:
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
        before, then = self._last.get((base, part), (stamp, now))
        one_clock = abs((stamp - before) - (now - then)) < FAR
        if one_clock and stamp > before and part == self._plan.paced_by:
            self._topic(base).intervals.add((stamp - before) / 1e9)
        if stamp >= before or not one_clock:
            self._last[base, part] = stamp, now
        return frame

    def _outcome(self, frame: Frame) -> Outcome:
        """Return what was recorded of a frame so far."""
        found = frame.outcomes.get("recorded")
        if found is None:
            found = frame.outcomes["recorded"] = Outcome()
        return found

    def _take_truth(self, recorded: Recorded) -> None:
        truth = self._plan.truth
        assert isinstance(truth, TopicTruth)
        message = recorded.message
        if recorded.kind == STRING:
            truth.hold(recorded.time, printable(message.data))
            return
        label = printable(message.labels[0]) if len(message.labels) else ""
        stamp = nanoseconds(message.header.stamp)
        for base in self._plan.truth_topics[recorded.topic]:
            self._frames.at(base, stamp, recorded.time).recorded_truth = label

    def _take_latents(self, recorded: Recorded) -> None:
        base, message = self._plan.bases[recorded.topic], recorded.message
        topic = self._topic(base)
        arrived, problem = packets(message)
        topic.messages += 1
        bits = latent_message_bits(message.header.frame_id, len(message.data))
        topic.message_bits.add(bits)
        if problem:
            topic.refused[problem] += 1
        start = nanoseconds(message.header.stamp)
        for packet in arrived:
            try:
                decoded = self._models.decode(packet)
            except PacketError as error:
                topic.refused[str(error)] += 1
                continue
            frame = self._frame(base, start + packet.offset, recorded.time, "latent")
            if frame is None:
                continue
            self._sent[base] = self._sent.get(base, 0) + 1
            outcome = self._outcome(frame)
            outcome.point, outcome.payload_bits = packet.point, 8 * len(packet.payload)
            outcome.wire_bits, outcome.sent = bits // len(arrived), recorded.time
            if decoded is None:
                self._note(f"packets of unknown model {packet.model} cannot be decoded")
                continue
            model, latent = decoded
            self._use(model)
            verdict = self._labeller.ask(model, latent, packet.point)
            frame.outcomes["again"] = replace(outcome, verdict=verdict)

    def _take_label(self, recorded: Recorded) -> None:
        base, message = self._plan.bases[recorded.topic], recorded.message
        stamp = nanoseconds(message.header.stamp)
        if self._frames.over(base, stamp):
            self._topic(base).late += 1
            return
        frame = self._frame(base, stamp, recorded.time, "label")
        if frame is None:
            return
        outcome = self._outcome(frame)
        if outcome.sent is None:  # without latents in the bag, the label says what they were
            outcome.point = _optional(message, "operating_point")
            outcome.payload_bits = _optional(message, "payload_bits")
            outcome.wire_bits = _optional(message, "wire_bits")
            outcome.sent = recorded.time
        if len(message.labels):
            scores: Sequence[float] = getattr(message, "scores", ())
            score = float(scores[0]) if len(scores) and 0 <= scores[0] <= 1 else None
            outcome.verdict = Verdict(printable(message.labels[0]), score)
        for name in ("received", "classified"):
            time = getattr(message, name, None)
            if time is not None and nanoseconds(time):
                setattr(frame, name, nanoseconds(time))

    def _take_status(self, recorded: Recorded) -> None:
        bases = set(self._plan.bases.values())
        chosen = [status for status in recorded.message.topics if status.topic in bases]
        if not chosen:
            return
        second = (recorded.time - self._bag.start) // 10**9
        self._result.reports.add(recorded.topic, second, recorded.message, chosen)
        for status in chosen:
            sent = self._sent.get(status.topic, 0)
            for reason, count in self._drops.grown(recorded.topic, status, sent).items():
                self._topic(status.topic).dropped[reason] += count

    def _take_image(self, recorded: Recorded, image: _Image | ImageError) -> None:
        base, header = self._plan.bases[recorded.topic], recorded.message
        if isinstance(image, ImageError):
            self._topic(base).refused[f"image: {image}"] += 1
            return
        stamp = nanoseconds(header.stamp)
        if not stamp:  # a driver that stamps nothing leaves 0 in every image
            stamp = recorded.time
            self._note(f"{base}: images without a stamp; their times of recording are used")
        frame = self._frame(base, stamp, recorded.time, "image")
        if frame is None:
            return
        frame.thumbnail = self._album.keep(image.thumbnail)
        if self._replay is not None and image.latent is not None:
            self._use(self._replay.classifier)
            self._replay.send(Shot(frame, header.frame_id, image.latent, recorded.time))

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
        if self._replay is not None:
            self._replay.settle(frames)
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
        frame.truth = self._plan.truth.of(frame)
        first, last = self._stamps or (frame.stamp, frame.stamp)
        self._stamps = min(first, frame.stamp), max(last, frame.stamp)
        topic.add(frame)
        for way in self._plan.ways:
            topic.track(way).add(frame, self._bag.start)
        if self._rows is not None:
            self._rows.write(frame)

    def _finish(self) -> BagResult:
        result = self._result
        told = False
        for topic in result.topics.values():
            if topic.foreign:
                self._note(
                    f"{topic.name}: {topic.foreign} of {topic.frames} frames have times from "
                    "another clock than the recording; they are left out of the latencies"
                )
            if (again := topic.tracks.get("again")) and not again.frames:
                del topic.tracks["again"]  # a row of nothing: packets of an unknown model, or none
            for track in topic.tracks.values():
                told |= track.judged + track.lost > 0
                unknown = {truth for truth, _ in track.confusion} - set(result.classes)
                if unknown and result.classes:
                    listed = ", ".join(sorted(unknown)[:10])
                    self._note(f"the model does not know some true classes: {listed}")
        truth = self._plan.truth
        if self._labels and isinstance(truth, TableTruth) and self._stamps and not told:
            missed = truth.missed(*self._stamps)
            self._note(f"{name_of(self._labels)} labels none of the frames; {missed}")
        return result


def _optional(message: Any, field_name: str) -> int | None:
    value = getattr(message, field_name, None)
    return None if value is None else int(value)


def _shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small: NDArray[Any] = cv2.resize(pixels, size, interpolation=method)
    return small
