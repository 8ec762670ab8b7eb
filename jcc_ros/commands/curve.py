"""Compare models with each other, with JPEG and WebP, and with published results.

DATA is an .npz file (images, labels, classes) or a folder CLASS/IMAGE. Models are measured through
real bytes, as by `jcc evaluate`. For comparison, the images are compressed by OpenCV's JPEG and
WebP; headers that never change are not counted. The decoded images are classified by --codec-model,
by default the first MODEL, whose networks were not trained on such images: a model that was does
better.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jcc_ros.commands.arguments import add_images, load_both

if TYPE_CHECKING:
    from jcc_ros.datasets.images import LabelledImages
    from jcc_ros.evaluation.curves import Curve


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "models", type=Path, nargs="+", metavar="MODEL", help="model folder or name"
    )
    add_images(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("curve"),
        metavar="DIR",
        help="write curve.json, curve.png and curve.svg to this folder (default: curve)",
    )
    parser.add_argument(
        "--codec-model",
        type=Path,
        metavar="MODEL",
        help="model that classifies the decoded images (default: the first MODEL)",
    )
    parser.add_argument(
        "--codecs",
        type=_codecs,
        default="JPEG,WebP",
        metavar="NAMES",
        help="image codecs to compare with, separated by commas (default: JPEG,WebP)",
    )
    parser.add_argument(
        "--no-codecs",
        dest="codecs",
        action="store_const",
        const=(),
        help="compare with no image codec, which saves time",
    )


def run(args: Namespace) -> int:
    from jcc_ros.datasets.images import counted
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation import curves as curve
    from jcc_ros.evaluation.output import save_json, table
    from jcc_ros.evaluation.published import published_for

    check_writable(args.out / "curve.json")
    curves: list[Curve] = []
    for folder in args.models:
        data, found = _model_curve(folder, args)
        names = [known.name for known in curves]
        curves.append(found if found.name not in names else _renamed(found, str(folder)))
        print(f"{curves[-1].name}: {counted(len(found.points), 'operating point')}", flush=True)
    if args.codecs:
        curves += _codec_curves(args)
    curves += published_for(data)
    result = curve.as_json(curves, len(data))
    save_json(result, args.out / "curve.json")
    for suffix in (".png", ".svg"):
        curve.draw(curves, f"{args.data.stem}, {len(data)} images", args.out / f"curve{suffix}")
    rows = [
        [
            f"{row['test']} against {row['anchor']}",
            _signed(row["bd_rate_percent"], "%"),
            _signed(row["bd_accuracy_points"], "points"),
        ]
        for row in result["comparisons"]
    ]
    if rows:
        print("\n" + table(["", "BD-rate", "BD-accuracy"], rows))
    print(f"\nwritten: {args.out}/curve.json, curve.png, curve.svg")
    return 0


def _model_curve(folder: Path, args: Namespace) -> tuple[LabelledImages, Curve]:
    from jcc_ros.evaluation.curves import Curve
    from jcc_ros.evaluation.evaluate import evaluate

    encoder, classifier, data = load_both(folder, args)
    result = evaluate(encoder, classifier, data)
    return data, Curve(
        classifier.name,
        "model",
        f"{folder}, model id {result.model_id}, measured on {len(data)} images",
        tuple((point.bits_mean, point.accuracy) for point in result.points),
        tuple({"step": point.step, "prefix": point.prefix} for point in result.points),
    )


def _codec_curves(args: Namespace) -> list[Curve]:
    from jcc_ros.evaluation.curves import Curve
    from jcc_ros.evaluation.image_codecs import measure_codec
    from jcc_ros.evaluation.workers import workers

    folder = args.codec_model or args.models[0]
    trained = "" if args.codec_model else ", which were not trained on decoded images"
    encoder, classifier, data = load_both(folder, args)
    curves = []
    with workers() as pool:
        for name in args.codecs:
            points = measure_codec(name, encoder, classifier, data, pool)
            print(f"{name}: {points[0].bits:.0f} to {points[-1].bits:.0f} bits", flush=True)
            # Coarser qualities do not always take fewer bits of small images.
            points.sort(key=lambda point: point.bits)
            curves.append(
                Curve(
                    f"{name}, then {classifier.name}",
                    "codec",
                    f"OpenCV's {name} without constant headers, then the networks of {folder}"
                    f"{trained}; measured on {len(data)} images",
                    tuple((point.bits, point.accuracy) for point in points),
                    tuple({"quality": p.quality, "file_bits": p.file_bits} for p in points),
                )
            )
    return curves


def _renamed(curve: Curve, name: str) -> Curve:
    from dataclasses import replace

    return replace(curve, name=name)


def _signed(value: float | None, unit: str) -> str:
    return "no overlap" if value is None else f"{value:+.1f} {unit}"


def _codecs(text: str) -> tuple[str, ...]:
    from jcc_ros.datasets.lossy import NAMES

    words = tuple(text.split(","))
    for word in words:
        if word not in NAMES:
            raise ArgumentTypeError(f"{word!r} is not one of {', '.join(NAMES)}")
    return words
