"""The model card: what a model is, on one page, from what its files tell."""

from pathlib import Path
from typing import Any

from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel

CARD_FILE = "README.md"
_UNKNOWN = "not recorded"


def write_card(encoder: EncoderModel, classifier: ClassifierModel, folder: Path) -> None:
    """Write the card of the model in `folder`, in place of an earlier one."""
    (folder / CARD_FILE).write_text(model_card(encoder, classifier))


def model_card(encoder: EncoderModel, classifier: ClassifierModel) -> str:
    """Return the card as Markdown."""
    story = classifier.provenance
    configuration = story.get("configuration", {})
    name, ladder = classifier.name, classifier.codec.ladder
    robot, host = encoder.network, classifier.network.config
    size = robot.config.input
    work = host.multiply_adds(*ladder.shape[1:])
    sections = [
        f"# {name}",
        f"{configuration.get('about') or 'A model of jcc_ros'}. "
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
        _data(classifier),
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
        _code(
            story.get("command") or f"# training: {_UNKNOWN}",
            f"jcc evaluate models/{name} TEST",
        ),
        _making(story),
        "## Limits",
        "Every image gets one of the classes, also one that shows none of them, and scores are no "
        "probabilities of being right. Images of another camera, light or place than those of the "
        "training need a test of their own.",
        f"Licence: {configuration.get('license') or _UNKNOWN}.",
    ]
    return "\n\n".join(sections) + "\n"


def _data(classifier: ClassifierModel) -> str:
    story = classifier.provenance
    images, digest = story.get("images", {}), story.get("data", {}).get("sha256", _UNKNOWN)
    names = ", ".join(classifier.classes[:20])
    more = f" and {len(classifier.classes) - 20} more" if len(classifier.classes) > 20 else ""
    return (
        f"{images.get('train', _UNKNOWN)} images for training, "
        f"{images.get('validation', _UNKNOWN)} for validation, SHA-256 of pixels and labels "
        f"`{digest[:16]}`.\n\n{len(classifier.classes)} classes: {names}{more}."
    )


def _making(story: Any) -> str:
    configuration, software = story.get("configuration", {}), story.get("software", {})
    steps = [
        f"{step}, {section['epochs']} epochs" if "epochs" in section else step
        for step in ("teach", "represent", "screen", "finetune")
        if (section := configuration.get(step))
    ]
    versions = ", ".join(f"{name} {version}" for name, version in software.items())
    return f"Steps: {'; '.join(steps)}. Seed {configuration.get('seed')}; {versions}."


def _size(parameters: int, work: int) -> list[str]:
    return [f"{parameters:,}", f"{work / 1e6:.2f} M"]


def _table(columns: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows])


def _code(*lines: str) -> str:
    return "\n".join(["```", *lines, "```"])
