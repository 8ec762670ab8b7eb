"""Describe a model: id, sizes, multiply-adds, classes, provenance, ladder."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jcc_ros.networks.classifier_model import ClassifierModel
    from jcc_ros.networks.encoder_model import EncoderModel


# In older files the configuration has them as they were before they were measured.
_MEASURED = ("mean", "std")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder or name")
    parser.add_argument(
        "--json", type=Path, metavar="OUT", help="also write the description to this JSON file"
    )
    parser.add_argument(
        "--card",
        action="store_true",
        help="rewrite the model card, README.md in the model's folder",
    )


def run(args: Namespace) -> int:
    from jcc_ros.evaluation.output import save_json
    from jcc_ros.networks.model import load_model
    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.training.card import write_card

    folder = model_folder(args.model)
    encoder, classifier = load_model(folder)
    description = _describe(folder, encoder, classifier)
    print(_as_text(description))
    if args.json:
        save_json(description, args.json)
    if args.card:
        write_card(encoder, classifier, folder)
    return 0


def _describe(folder: Path, encoder: EncoderModel, classifier: ClassifierModel) -> dict[str, Any]:
    from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE

    # A classifier that was trained later has measured the same operating points anew.
    ladder = classifier.codec.ladder
    return {
        "name": classifier.name,
        "model_id": encoder.codec.model_id,
        "input": encoder.network.config.input.model_dump(),
        "latent_shape": list(ladder.shape),
        "encoder": {
            "parameters": encoder.network.parameters,
            "multiply_adds": encoder.network.config.multiply_adds,
            "bytes": (folder / ENCODER_FILE).stat().st_size,
        },
        "classifier": {
            "parameters": classifier.network.config.parameters,
            "multiply_adds": classifier.network.config.multiply_adds(*ladder.shape[1:]),
            "bytes": (folder / CLASSIFIER_FILE).stat().st_size,
        },
        "classes": list(classifier.classes),
        "ladder": [
            {
                "step": point.step,
                "prefix": point.prefix,
                "bits": point.bits,
                "accuracy": point.accuracy,
                "temperature": point.temperature,
            }
            for point in ladder
        ],
        "provenance": {"encoder": encoder.provenance, "classifier": classifier.provenance},
    }


def _as_text(model: dict[str, Any]) -> str:
    import yaml

    from jcc_ros.evaluation.output import table

    def half(name: str, words: str) -> list[str]:
        sizes = model[name]
        return [
            f"{name} ({words})",
            f"{sizes['parameters']:,}",
            f"{sizes['multiply_adds'] / 1e6:.2f} M",
            f"{sizes['bytes'] / 1e6:.2f} MB",
        ]

    ladder = [
        [
            str(index),
            f"{point['step']:.3f}",
            str(point["prefix"]),
            f"{point['bits']:.1f}",
            f"{point['accuracy']:.2%}",
            f"{point['temperature']:.2f}",
        ]
        for index, point in enumerate(model["ladder"])
    ]
    told = _told(**model["provenance"])
    size = model["input"]
    return "\n".join(
        [
            f"name        {model['name']}",
            f"model id    {model['model_id']}",
            f"input       {size['height']} x {size['width']} RGB, fit: {size['fit']}",
            f"latent      {' x '.join(map(str, model['latent_shape']))}",
            f"classes     {len(model['classes'])}: {', '.join(model['classes'])}",
            "",
            table(
                ["half", "parameters", "multiply-adds", "file"],
                [half("encoder", "robot"), half("classifier", "host")],
            ),
            "",
            "provenance, without what is empty or as above (--json has all of it):",
            yaml.safe_dump(told, sort_keys=False, default_flow_style=None, width=100).rstrip(),
            "",
            "ladder, as measured by calibration:",
            table(["point", "step", "prefix", "bits", "accuracy", "temperature"], ladder),
        ]
    )


def _told(encoder: dict[str, Any], classifier: dict[str, Any]) -> dict[str, Any]:
    """Return how both halves were made, and of what came later only what differs."""
    trained = {key: value for key, value in encoder.items() if key != "calibration"}
    first = _differing(encoder, {"calibration": trained})
    # A classifier may have been trained later than the encoder; mostly they share their story.
    if classifier == encoder:
        return first
    later = _differing(classifier, {"calibration": trained, **encoder})
    return {"encoder": first, "classifier": later}


def _differing(story: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return the entries that differ from those before and, if they are new, are not empty.

    Colour statistics are left out.
    """
    told = {}
    for key, value in story.items():
        if key in _MEASURED:
            continue
        old = before.get(key)
        if isinstance(value, dict):
            value = _differing(value, old if isinstance(old, dict) else {})
            old = {}
        empty = (None, "", [])
        if value != old and not (value in empty and old in empty):
            told[key] = value
    return told
