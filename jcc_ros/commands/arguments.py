"""What several commands take on the command line: options, and kinds of numbers."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from contextlib import suppress
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jcc_ros.datasets.images import LabelledImages
    from jcc_ros.networks.classifier_model import ClassifierModel
    from jcc_ros.networks.encoder_model import EncoderModel


def add_json(parser: ArgumentParser, default: str) -> None:
    """Add the option for the file of all results."""
    parser.add_argument(
        "--json",
        type=Path,
        default=Path(default),
        metavar="OUT",
        help=f"write all results to this JSON file (default: {default})",
    )


def add_model(parser: ArgumentParser) -> None:
    """Add the option for the model that nodes run."""
    parser.add_argument("--model", default="digits", help="model folder or name (default: digits)")


def add_images(parser: ArgumentParser) -> None:
    """Add what `load_both` needs to know of the images that models are measured on."""
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="labelled images: .npz file, or folder CLASS/IMAGE"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        metavar="N",
        help="measure on N images at most, drawn with a fixed seed (default: all)",
    )


def load_both(model: Path, args: Namespace) -> tuple[EncoderModel, ClassifierModel, LabelledImages]:
    """Return both halves of a model, and the images to measure it on, at its size.

    Args:
        model: its folder or name.
        args: with what `add_images` adds.
    """
    from jcc_ros.datasets.files import load
    from jcc_ros.networks.model import load_model
    from jcc_ros.networks.model_folder import model_folder

    encoder, classifier = load_model(model_folder(model))
    data = load(args.data, encoder.network.config.input).matched(classifier.classes)
    return encoder, classifier, data.sample(args.limit, seed=0) if args.limit else data


def indices(text: str) -> tuple[int, ...]:
    """Return the indices of a list, each once, by rising value.

    Raises:
        ArgumentTypeError: the text is no such list.
    """
    try:
        return tuple(sorted({int(word) for word in text.split(",")}))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a list of indices such as 0,3,5") from None


def positive(text: str) -> int:
    """Return a whole number above 0.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    return whole(text, 1, inf)


def whole(text: str, least: int, most: float) -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    with suppress(ValueError):
        value = int(text)
        if least <= value <= most:
            return value
    upwards = "upwards" if most == inf else f"to {most}"
    raise ArgumentTypeError(f"{text!r} is not a whole number from {least} {upwards}")


def above_zero(text: str, most: float = inf) -> float:
    """Return a finite number above 0, up to `most`.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    upwards = "" if most == inf else f" and up to {most:g}"
    return _number(text, lambda value: 0 < value <= most, f"above 0{upwards}")


def from_zero(text: str, most: float = inf) -> float:
    """Return a finite number from 0 to `most`.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    upwards = "upwards" if most == inf else f"to {most:g}"
    return _number(text, lambda value: 0 <= value <= most, f"from 0 {upwards}")


def _number(text: str, fits: Callable[[float], bool], where: str) -> float:
    with suppress(ValueError):
        value = float(text)
        if fits(value) and isfinite(value):
            return value
    raise ArgumentTypeError(f"{text!r} is not a number {where}")
