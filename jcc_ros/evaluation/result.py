"""What was found in a bag."""

from dataclasses import dataclass, field
from pathlib import Path

from jcc_ros.evaluation.encoder_reports import EncoderReports
from jcc_ros.evaluation.statistics import Topic


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
