"""What a bag holds, and what is to be done with it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jcc_ros.codec.budget import Budget
from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.ros_types import CLASSIFICATION, COMPRESSED_IMAGE, IMAGE, LATENT, STRING
from jcc_ros.evaluation.bags import Bag, BagError, packets
from jcc_ros.evaluation.models import Models
from jcc_ros.evaluation.points import check_points
from jcc_ros.evaluation.truth import TopicTruth, Truth, folder_truth
from jcc_ros.evaluation.truth_table import read_table
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel


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
class Way:
    """One way of sending frames.

    Attributes:
        name: in files.
        kind: "recorded" labels, recorded latents classified "again", operating "point", "bitrate".
        setting: operating point or bit rate of the last two.
    """

    name: str
    kind: str
    setting: float | None = None


@dataclass(frozen=True)
class BagPlan:
    """What is to be done with a bag.

    Attributes:
        bases: the image topic that every topic to look at belongs to.
        linked: messages have crossed a link.
        paced_by: what shows the pace of frames, "latent" or "image".
        truth: what frames show.
        truth_topics: that tell it, and the image topics that each of them is about.
        pair: the model that images are encoded by, None if none are.
        ways: of sending frames, in the order of columns and curves.
        notes: what a reader should know.
    """

    bases: dict[str, str]
    linked: bool
    paced_by: str
    truth: Truth
    truth_topics: dict[str, set[str]]
    pair: tuple[EncoderModel, ClassifierModel] | None
    ways: list[Way]
    notes: list[str]


def plan(bag: Bag, options: Options, models: Models) -> BagPlan:
    """Find out what a bag holds and what is to be done with it.

    Raises:
        DataError: the bag, the labels or the models do not fit.
        ModelFileError: a model file is missing or damaged.
    """
    present = _bases(bag, options)
    bases = _chosen(bag, options, present)
    raw = bag.topics(IMAGE)
    twice = [topic for topic in bag.topics(COMPRESSED_IMAGE) if bases.get(topic) in raw]
    notes = [f"{topic}: left out, its images are also on {bases.pop(topic)}" for topic in twice]

    def topics(*kinds: str) -> list[str]:
        return [topic for topic in bag.topics(*kinds) if topic in bases]

    latents, labels = topics(LATENT), topics(CLASSIFICATION)
    images = topics(IMAGE, COMPRESSED_IMAGE)
    truth, told = _truth(bag, options, models)
    # The truth of a camera that was not chosen is none of the others'.
    told -= {f"{base}/truth" for base in {*present.values()} - {*bases.values()}}
    pair = _pair(bag, options, models, latents, bool(images))
    ways = []
    if latents or labels:
        ways.append(Way("recorded", "recorded"))
    if latents:
        ways.append(Way("again", "again"))
    if pair is not None:
        ways += _replays(options, len(pair[0].codec.ladder))
    return BagPlan(
        bases=bases,
        linked=bool(latents or labels),
        paced_by="latent" if latents else "image",
        truth=truth,
        truth_topics=_subjects(told, set(bases.values()), options),
        pair=pair,
        ways=ways,
        notes=notes,
    )


def _subjects(told: set[str], bases: set[str], options: Options) -> dict[str, set[str]]:
    """Return the image topics that every topic of the truth is about, without those about none."""
    clear = options.label_topic is not None or len(told) == len(bases) == 1
    subjects = {topic: {topic.removesuffix("/truth")} & bases for topic in told}
    subjects = {topic: own or (bases if clear else set()) for topic, own in subjects.items()}
    return {topic: about for topic, about in subjects.items() if about}


def _bases(bag: Bag, options: Options) -> dict[str, str]:
    """Return the image topic that every topic of the bag belongs to."""
    bases = {topic: topic for topic in bag.topics(IMAGE)}
    bases |= {t: t.removesuffix("/compressed") for t in bag.topics(COMPRESSED_IMAGE)}
    bases |= {t: t.removesuffix("/latent") for t in bag.topics(LATENT)}
    latents = {bases[topic] for topic in bag.topics(LATENT)}
    images = {bases[topic] for topic in bag.topics(IMAGE, COMPRESSED_IMAGE)}
    if len(latents) == len(images) == 1 and latents != images:
        # Remapped topics share no name, but there is only one pair.
        (image,) = images
        bases = dict.fromkeys(bases, image)
    labels = [t for t in bag.topics(CLASSIFICATION) if not _is_truth(t, options)]
    known = set(bases.values())
    for topic in labels:
        base = topic.removesuffix("/labels")
        if base not in known and len(known) == 1 and len(labels) == 1:
            (base,) = known
        bases[topic] = base
    return bases


def _chosen(bag: Bag, options: Options, bases: dict[str, str]) -> dict[str, str]:
    wanted, present = set(options.topics), set(bases.values())
    if wanted - present:
        raise DataError(
            f"{bag.path}: no topic {', '.join(sorted(wanted - present))}; "
            f"available topics: {', '.join(sorted(present)) or 'none'}"
        )
    chosen = {t: b for t, b in bases.items() if not wanted or b in wanted}
    if not chosen:
        raise BagError(
            f"{bag.path}: no messages of type {LATENT}, {CLASSIFICATION}, {IMAGE} or "
            f"{COMPRESSED_IMAGE}"
        )
    return chosen


def _is_truth(topic: str, options: Options) -> bool:
    return topic == options.label_topic or topic.endswith("/truth")


def _truth(bag: Bag, options: Options, models: Models) -> tuple[Truth, set[str]]:
    """Return what frames show, and the topics that tell it."""
    if options.labels:
        return read_table(options.labels, bag.start), set()
    if options.label_folder:
        return folder_truth(bag.path, models.classes), set()
    present = bag.topics(CLASSIFICATION, STRING)
    if options.label_topic:
        if options.label_topic not in present:
            raise DataError(
                f"{bag.path}: no labels on {options.label_topic}; topics of {STRING} or "
                f"{CLASSIFICATION}: {', '.join(present) or 'none'}"
            )
        return TopicTruth(), {options.label_topic}
    return TopicTruth(), {t for t in bag.topics(CLASSIFICATION) if _is_truth(t, options)}


def _pair(
    bag: Bag, options: Options, models: Models, latents: list[str], images: bool
) -> tuple[EncoderModel, ClassifierModel] | None:
    asked = bool(options.bitrates) or options.points is not None
    if not images:
        if asked:
            raise DataError(f"{bag.path}: no images to encode at other rates")
        return None
    if latents and not asked:
        return None
    pair = models.pair(_recorded_model(bag, latents, models.classifiers))
    check_points(options.points or (), pair[0])
    return pair


def _recorded_model(bag: Bag, latents: list[str], ids: Iterable[str]) -> str | None:
    """Return how the id of the first packet's model begins, if that model is at hand."""
    for recorded in bag.messages(set(latents)):
        for packet in packets(recorded.message)[0]:
            return packet.model if any(i.startswith(packet.model) for i in ids) else None
    return None


def _replays(options: Options, count: int) -> list[Way]:
    """Return the ways of sending images that were recorded.

    Args:
        count: of the model's operating points.
    """
    points = options.points or ()
    if not points and not (options.points is None and options.bitrates):
        points = tuple(range(count))
    ways = [Way(f"point_{point}", "point", point) for point in points]
    # All digits: two rates of one name would be one way.
    return ways + [
        Way(f"bitrate_{rate}".removesuffix(".0"), "bitrate", rate) for rate in options.bitrates
    ]
