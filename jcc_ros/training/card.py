"""The model card: what a model is, on one page, from what its files tell."""

from pathlib import Path

from jcc_ros.datasets.writing import write_whole
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, blaming
from jcc_ros.training.story import Story, read_story

CARD_FILE = "README.md"
_UNKNOWN = "not recorded"


def write_card(encoder: EncoderModel, classifier: ClassifierModel, folder: Path) -> None:
    """Write the card of the model in `folder`, in place of an earlier one.

    Raises:
        DataError: the card cannot be written.
        ModelFileError: a file tells something else of its making than training does.
    """
    read_story(encoder.provenance, folder / ENCODER_FILE)
    with blaming(folder / CLASSIFIER_FILE):
        text = model_card(encoder, classifier)
    write_whole(folder / CARD_FILE, text.encode())


def model_card(encoder: EncoderModel, classifier: ClassifierModel) -> str:
    """Return the card as Markdown.

    Raises:
        ValidationError: a half's provenance is not what training writes.
    """
    story = Story.model_validate(classifier.provenance)
    earlier = Story.model_validate(encoder.provenance)
    configuration = story.configuration
    name, ladder = classifier.name, classifier.codec.ladder
    robot, host = encoder.network, classifier.network.config
    size = robot.config.input
    work = host.multiply_adds(*ladder.shape[1:])
    sections = [
        f"# {name}",
        f"{configuration.about or 'A model of jcc_ros'}. "
        "An encoder for the robot and a classifier for the host that share entropy tables; made by "
        "`jcc train`, this page included.",
        "## Networks",
        _table(
            ["", "parameters", "multiply-adds an image"],
            [
                ["encoder (robot)", *_size(robot.parameters, robot.config.multiply_adds)],
                ["classifier (host)", *_size(host.parameters, work)],
            ],
        ),
        f"Input {size.height} x {size.width} RGB (fit: {size.fit}), "
        f"latent {' x '.join(map(str, ladder.shape))}, model id `{encoder.codec.model_id[:16]}`.",
        "## Data",
        _data(story, classifier.classes),
        "## Operating points",
        "Bits are the mean payload of an image, accuracy is that on the validation images, from "
        "which this ladder was chosen: expect a little less elsewhere.",
        _table(
            ["point", "step", "prefix", "bits", "accuracy"],
            [
                [str(i), f"{p.step:.3f}", str(p.prefix), f"{p.bits:.1f}", f"{p.accuracy:.2%}"]
                for i, p in enumerate(ladder)
            ],
        ),
        "## Made and measured by",
        _code(*_commands(earlier, story), "jcc evaluate MODEL TEST"),
        *(_making(part) for part in _parts(earlier, story)),
        "## Limits",
        "Every image gets one of the classes, also one that shows none of them. How often a label "
        "of some score is right was fitted to the validation images, at each operating point. "
        "Images of another camera, light or place than those of the training need a test of their "
        "own.",
        f"Licence: {configuration.license or _UNKNOWN}.",
    ]
    return "\n\n".join(sections) + "\n"


def _data(story: Story, classes: tuple[str, ...]) -> str:
    train, validation = (
        _UNKNOWN if count is None else count
        for count in (story.images.train, story.images.validation)
    )
    digest = (story.data.sha256 or _UNKNOWN)[:16]
    more = f" and {len(classes) - 20} more" if len(classes) > 20 else ""
    return (
        f"{train} images for training, {validation} for validation, SHA-256 of pixels and labels "
        f"`{digest}`.\n\n{len(classes)} classes: {', '.join(classes[:20])}{more}."
    )


def _parts(encoder: Story, classifier: Story) -> list[Story]:
    """Return the trainings that made a model: one, or another for the classifier."""
    same = encoder.command == classifier.command
    return [classifier] if same or not encoder.command else [encoder, classifier]


def _commands(encoder: Story, classifier: Story) -> list[str]:
    made = classifier.command or f"# training: {_UNKNOWN}"
    commands = [*classifier.earlier, made]
    if len(_parts(encoder, classifier)) > 1:
        # Calibrated anew before the classifier was trained, unless both were together.
        together = encoder.calibration == classifier.calibration
        first = encoder.commands if together else encoder.all_commands
        # What the classifier began with, unless that came with the encoder.
        later = [command for command in commands if command not in first]
        commands = ["# encoder", *first, "# classifier", *later]
    return [*commands, *filter(None, [classifier.calibration.command])]


def _making(story: Story) -> str:
    steps = [
        f"{step}, {section['epochs']} epochs" if "epochs" in section else step
        for step in ("teach", "represent", "screen", "finetune")
        if (section := getattr(story.configuration, step))
    ]
    versions = ", ".join(f"{name} {version}" for name, version in story.software.items())
    return f"Steps: {'; '.join(steps)}. Seed {story.configuration.seed}; {versions}."


def _size(parameters: int, work: int) -> list[str]:
    return [f"{parameters:,}", f"{work / 1e6:.2f} M"]


def _table(columns: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows])


def _code(*lines: str) -> str:
    return "\n".join(["```", *lines, "```"])
