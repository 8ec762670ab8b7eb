"""Write labelled images as an .npz or as an image folder."""

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    sources = parser.add_subparsers(dest="source", metavar="SOURCE", required=True)
    digits = sources.add_parser("digits", help="scikit-learn's handwritten digits, 32 x 32")
    digits.add_argument(
        "out", type=Path, metavar="OUT", help="OUT.npz, or a folder that gets OUT/CLASS/INDEX.png"
    )
    digits.add_argument(
        "--part",
        choices=("train", "test"),
        default="train",
        help="what models learn from (default), or the third that is held out",
    )


def run(args: Namespace) -> int:
    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.files import save_folder, save_npz
    from jcc_ros.datasets.images import DataError

    as_npz = args.out.suffix == ".npz"
    if not as_npz and args.out.is_dir() and any(args.out.iterdir()):
        raise DataError(f"{args.out}: the folder is not empty; old and new images would mix")
    data = digits(args.part)
    (save_npz if as_npz else save_folder)(data, args.out)
    print(f"{args.out}: {len(data)} images, {len(data.classes)} classes")
    return 0
