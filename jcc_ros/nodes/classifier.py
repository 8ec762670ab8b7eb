"""The classifier node, on the host: latents of any number of robots in, labels out.

    <base>/latent --check, range decode--> network half 2 --softmax, top-k--> <base>/labels

The executor's thread decodes packets; one worker classifies what has arrived meanwhile, of all
topics together, as one batch.
"""

import itertools
import threading
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from jcc_ros.codec.errors import PacketError, UnknownModelError, UnknownVersionError
from jcc_ros.msg import Latent
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.model_file import ModelFileError
from jcc_ros.networks.model_folder import model_folder
from jcc_ros.networks.runtime import DeviceError, check_device
from jcc_ros.nodes.decoding import frames_of
from jcc_ros.nodes.labelling import labels_of
from jcc_ros.nodes.managed import ManagedNode, explained
from jcc_ros.nodes.parameters import Page, Parameters, read_only
from jcc_ros.nodes.run import run, start_worker
from jcc_ros.nodes.shard import parse_shard
from jcc_ros.nodes.source import Frame, Source
from jcc_ros.nodes.topics import TopicPattern, full_name
from jcc_ros.nodes.vision import NoVisionMessagesError, check_vision_messages

_DISCOVERY_PERIOD = 0.5  # s
_DIAGNOSTICS_PERIOD = 1.0  # s
_LINK_PERIOD = 1.0  # s
_PENDING = 256  # frames a topic may have waiting; the oldest go first
_FORGET = 10.0  # s without a sender, after which a topic that a pattern found is left
_MAX_TOPICS = 1000  # found by patterns; each takes memory
_LONGEST = "classification"  # of what stands beside a latent topic
_UNREADABLE = tuple(e.reason for e in (PacketError, UnknownModelError, UnknownVersionError))


def _shard(text: str) -> str:
    parse_shard(text)
    return text


class ClassifierPage(Page):
    """Parameters of the classifier node."""

    models: list[str] = read_only(
        ["cifar10"],
        min_length=1,
        description="Model folders, or names of models in the folder models or installed with "
        "jcc_ros. A packet's model id selects among them.",
    )
    latent_topics: list[TopicPattern] = read_only(
        ["/**/latent"],
        min_length=1,
        description="Latent topics to classify, or patterns with *, which take topics as they "
        "appear.",
    )
    shard: Annotated[str, AfterValidator(_shard)] = read_only(
        "0/1",
        description="INDEX/COUNT: of the topics that patterns find, take only this part, such as "
        "0/2 on one host and 1/2 on another.",
    )
    device: Annotated[Literal["cpu", "cuda"], AfterValidator(check_device)] = read_only(
        "cpu",
        description="Device that the networks run on; cuda needs the package onnxruntime-gpu in "
        "place of onnxruntime.",
    )
    vision_msgs: bool = read_only(
        False,
        description="Also publish vision_msgs/Classification on TOPIC/classification; needs the "
        "package vision_msgs.",
    )
    autostart: bool = read_only(
        True,
        description="Configure and activate the node at start; false: wait for "
        "`ros2 lifecycle set`.",
    )
    top_k: int = Field(3, ge=1, le=1000, description="Number of labels published per frame.")
    max_batch: int = Field(
        64, ge=1, le=4096, description="Maximum number of frames classified at once."
    )
    max_batch_delay: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Maximum time a frame waits for a batch to fill, in seconds.",
    )


class ClassifierNode(ManagedNode):
    """Managed node that turns latents into labels."""

    def __init__(self) -> None:
        super().__init__("classifier")
        self._settings = Parameters(self, ClassifierPage, check=self._check_topics)
        self._models: list[ClassifierModel] = []
        # Changed by the executor's thread, with the lock that the worker reads it under.
        self._sources: dict[str, Source] = {}
        self._worker: threading.Thread | None = None

    @explained
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models; a file that is refused leaves the node unconfigured."""
        page = self._settings.current
        self._models = []
        try:
            if page.vision_msgs:
                check_vision_messages()
            for name in dict.fromkeys(page.models):
                model = load_classifier(model_folder(name), page.device)
                for other in self._models:
                    if other.codec.model_id == model.codec.model_id:
                        raise ModelFileError(
                            f"{name} has the same model id {model.codec.model_id} as {other.name}: "
                            "load only one of them"
                        )
                self._models.append(model)
                # The first pass through a network is slow, and takes memory that it keeps: better
                # now than on the first frame and in the first flood.
                for count in (1, page.max_batch):
                    model.network(np.zeros((count, *model.codec.ladder.shape), np.float32))
                self.get_logger().info(
                    f"model {model.name} {model.codec.model_id[:8]}, {len(model.classes)} classes"
                )
        except (DeviceError, ModelFileError, NoVisionMessagesError) as error:
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    @explained
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to what is there and to what will appear, and start classifying."""
        self._wake = threading.Condition()
        self._at_work = threading.Lock()
        self._active = True
        self._batches = 0
        self._turns = itertools.count(1)
        topics = self._settings.current.latent_topics
        self._named = {self.resolve_topic_name(topic) for topic in topics if "*" not in topic}
        for topic in self._named:
            self._add(topic)
        self._discover()
        self._periodic = [
            self.every(_DISCOVERY_PERIOD, self._discover),
            self.every(_DIAGNOSTICS_PERIOD, self._report),
            self.every(_LINK_PERIOD, self._report_links),
        ]
        self._worker = start_worker("classify", self._work)
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop at once; the models stay."""
        if self._worker is not None:
            self.close()
            for timer in self._periodic:
                self.destroy_timer(timer)
        self._leave_all()
        return super().on_deactivate(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back what an activation had begun: it can be tried again."""
        self._leave_all()
        return super().on_error(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the models."""
        self._models = []
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """End the worker and report the final counts."""
        if self._worker is None:
            return
        with self._wake:
            self._active = False
            self._wake.notify()
        self._worker.join()
        self._worker = None
        for source in self._sources.values():
            if source.pending:
                source.dropped["stopped"] += len(source.pending)
        self._report()
        for source in self._sources.values():
            self.get_logger().info(source.counts())

    # Called by the executor's thread.

    def _check_topics(self, page: ClassifierPage) -> None:
        """Raise ValueError for topics that there cannot be."""
        for topic in page.latent_topics:
            if "*" not in topic:
                full_name(self, topic, _LONGEST)

    def _discover(self) -> None:
        """Take topics that a pattern finds and somebody sends on, leave those that are deserted."""
        page = self._settings.current
        patterns = [topic for topic in page.latent_topics if "*" in topic]
        shard = parse_shard(page.shard)
        for topic, types in self.get_topic_names_and_types():
            if topic not in self._sources and "jcc_ros/msg/Latent" in types:
                if topic in shard and any(fnmatchcase(topic, pattern) for pattern in patterns):
                    if self.count_publishers(topic):
                        self._take_up(topic)
        for source in list(self._sources.values()):
            deserted = source.look_for_senders()
            if deserted > _FORGET and source.topic not in self._named:
                self._leave(source)

    def _take_up(self, topic: str) -> None:
        if len(self._sources) >= _MAX_TOPICS:
            self.warn(
                "too many topics", f"{topic} is left out: at most {_MAX_TOPICS} topics are taken"
            )
            return
        try:
            full_name(self, topic, _LONGEST)
        except ValueError as error:
            self.warn("topic names", f"a topic is left out, its label topic is invalid: {error}")
        else:
            self._add(topic)

    def _add(self, topic: str) -> None:
        source = Source(self, topic, self._receive, self._settings.current.vision_msgs)
        with self._wake:
            self._sources[topic] = source
        self.get_logger().info(f"{topic} -> {source.labels}")

    def _leave(self, source: Source) -> None:
        with self._at_work, self._wake:  # the worker has let go of it
            del self._sources[source.topic]
        source.destroy()
        self.get_logger().info(f"no publishers left on {source.counts()}")

    def _leave_all(self) -> None:
        for source in self._sources.values():
            source.destroy()
        self._sources = {}

    def _receive(self, source: Source, message: Latent) -> None:
        frames, refused = frames_of(message, self._models, self.get_clock().now().to_msg())
        for error in refused:
            self._refuse(source, error)
        with self._wake:
            source.pending.extend(frames)
            while len(source.pending) > _PENDING:
                source.pending.popleft()
                source.dropped["superseded"] += 1
            self._wake.notify()

    def _refuse(self, source: Source, error: PacketError) -> None:
        source.dropped[error.reason] += 1
        self.warn(f"{source.topic} {error.reason}", f"{source.topic}: packets are dropped: {error}")

    def _report_links(self) -> None:
        for source in self._sources.values():
            source.report_link()

    def _report(self) -> None:
        values: list[tuple[str, object]] = [("batches", self._batches)]
        problem = ""
        for source in self._sources.values():
            values.append((f"messages {source.topic}", source.messages))
            values.append((f"labelled {source.topic}", source.labelled))
            for reason, count in sorted(source.dropped.items()):
                values.append((f"dropped {reason} {source.topic}", count))
            unreadable = sum(source.dropped[reason] for reason in _UNREADABLE)
            if unreadable > source.unreadable:  # since the last report
                problem = f"packets on {source.topic} cannot be read"
            source.unreadable = unreadable
        self.diagnose("classifying", problem, values)

    # Called by the worker.

    def _work(self) -> None:
        while True:
            with self._wake:
                while self._active and not self._waiting():
                    self._wake.wait()
                page = self._settings.current  # only now: it may have changed meanwhile
                if page.max_batch_delay:
                    self._wake.wait_for(partial(self._enough, page.max_batch), page.max_batch_delay)
                if not self._active:
                    return
            with self._at_work:
                with self._wake:
                    batch = self._take(page.max_batch)
                for model in self._models:
                    mine = [pair for pair in batch if pair[1].model is model]
                    if mine:
                        self._classify(model, mine, page.top_k)

    def _waiting(self) -> int:
        return sum(len(source.pending) for source in self._sources.values())

    def _enough(self, batch: int) -> bool:
        return not self._active or self._waiting() >= batch

    def _take(self, most: int) -> list[tuple[Source, Frame]]:
        """Take frames in turn from every topic, so that none waits for a flood on another.

        It is first the turn of those that have waited the longest: a batch may be smaller than the
        number of topics.
        """
        batch: list[tuple[Source, Frame]] = []
        waiting = sorted(
            (source for source in self._sources.values() if source.pending), key=lambda s: s.turn
        )
        while waiting and len(batch) < most:
            for source in waiting[: most - len(batch)]:
                source.turn = next(self._turns)
                batch.append((source, source.pending.popleft()))
            waiting = [source for source in waiting if source.pending]
        return batch

    def _classify(
        self, model: ClassifierModel, batch: list[tuple[Source, Frame]], top_k: int
    ) -> None:
        self._batches += 1
        frames = [frame for _, frame in batch]
        messages = labels_of(model, frames, top_k, lambda: self.get_clock().now().to_msg())
        for (source, _), message in zip(batch, messages, strict=True):
            source.publish(message)


def main() -> None:
    """Run the classifier node."""
    run(ClassifierNode)


if __name__ == "__main__":
    main()
