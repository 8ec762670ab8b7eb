"""Measure a model's bits and accuracy at its operating points, through real bytes.

DATA is an .npz file (images, labels, classes) or a folder CLASS/IMAGE, with images of any size.
Every image is encoded on its own, as a robot would do it; its packet is decoded and classified as
on a host.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from jcc_ros.commands.arguments import add_images, indices, load_both


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder or name")
    add_images(parser)
    parser.add_argument(
        "--json", type=Path, metavar="OUT", help="also write the table to this JSON file"
    )
    parser.add_argument(
        "--points",
        type=_points,
        metavar="0,3,5|all",
        help="measure at these operating points (default: all)",
    )


def run(args: Namespace) -> int:
    from dataclasses import asdict

    from tqdm import tqdm

    from jcc_ros.datasets.images import counted
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation import output
    from jcc_ros.evaluation.evaluate import evaluate
    from jcc_ros.evaluation.points import check_points

    if args.json:
        check_writable(args.json)
    encoder, classifier, data = load_both(args.model, args)
    check_points(args.points or (), encoder)  # before the heading of a table that has no rows
    print(f"{classifier.name}: {counted(len(data), 'image')} from {args.data}")
    print(output.header(), flush=True)
    result = evaluate(
        encoder,
        classifier,
        data,
        args.points,
        measured=lambda point: tqdm.write(output.row(point)),
    )
    if args.json:
        output.save_json(asdict(result), args.json)
    return 0


def _points(text: str) -> tuple[int, ...] | None:
    return None if text == "all" else indices(text)
