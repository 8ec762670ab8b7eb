"""Measure bits and accuracy of a model at its operating points, through real bytes.

DATA is an .npz (images, labels, classes) or a folder CLASS/IMAGE, images of any size. Every image
is encoded as a robot would, alone; its packet is decoded and classified as a host would.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from jcc_ros.commands.numbers import positive


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the table as JSON, too")
    parser.add_argument(
        "--points", type=_indices, metavar="0,3,5", help="operating points (default: all)"
    )
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="measure on N images, chosen with a fixed seed"
    )


def run(args: Namespace) -> int:
    from tqdm import tqdm

    from jcc_ros.datasets.files import load
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation import output
    from jcc_ros.evaluation.evaluate import evaluate
    from jcc_ros.networks.model import load_model

    if args.json:
        check_writable(args.json)
    encoder, classifier = load_model(args.model)
    data = load(args.data, encoder.network.config.input).matched(classifier.classes)
    if args.limit:
        data = data.sample(args.limit, seed=0)
    print(f"{classifier.name}: {len(data)} images from {args.data}")
    print(output.header(), flush=True)
    result = evaluate(
        encoder,
        classifier,
        data,
        args.points,
        measured=lambda index, point: tqdm.write(output.row(index, point)),
    )
    if args.json:
        output.write_json(result, args.json)
    return 0


def _indices(text: str) -> list[int]:
    try:
        return sorted({int(word) for word in text.split(",")})
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no list of indices such as 0,3,5") from None
