"""Write labelled images to an .npz file or an image folder."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jcc_ros.commands.arguments import positive


def add_arguments(parser: ArgumentParser) -> None:
    sources = parser.add_subparsers(dest="source", metavar="SOURCE", required=True)
    digits = sources.add_parser(
        "digits",
        help="scikit-learn's handwritten digits, 32 x 32",
        description="Write scikit-learn's handwritten digits, 32 x 32 pixels.",
    )
    cifar = sources.add_parser(
        "cifar",
        help="CIFAR-10 or CIFAR-100 from the authors' archives",
        description="Write CIFAR-10 or CIFAR-100 from the authors' unpacked archive.",
    )
    cifar.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="unpacked archive, cifar-10-batches-bin or cifar-100-binary, from "
        "www.cs.toronto.edu/~kriz/cifar.html",
    )
    for source in digits, cifar:
        source.add_argument(
            "out",
            type=Path,
            metavar="OUT",
            help="file to write if it ends in .npz, else an empty or new folder for "
            "OUT/CLASS/INDEX.png",
        )
        source.add_argument(
            "--part",
            choices=("train", "test"),
            default="train",
            help="images that models learn from, or those held out for tests (default: train)",
        )
    bag = sources.add_parser(
        "from-bag",
        help="images of a recorded bag, as DIR/CLASS/IMAGE.png",
        description="Write the labelled images of a recorded bag as DIR/CLASS/IMAGE.png.",
    )
    bag.add_argument("bag", type=Path, metavar="BAG", help="bag folder, .mcap file or .db3 file")
    bag.add_argument(
        "--topic", metavar="TOPIC", help="image topic (default: the only one with images)"
    )
    bag.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="table with the columns stamp,label or start,end,label; times in s or ns, below 1e8 s "
        "from the start of the bag",
    )
    bag.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write to; it may already hold the images of other bags",
    )
    bag.add_argument(
        "--every",
        type=positive,
        default=1,
        metavar="N",
        help="take one of every N labelled images, as neighbours look alike (default: 1)",
    )


def run(args: Namespace) -> int:
    return _from_bag(args) if args.source == "from-bag" else _known(args)


def _known(args: Namespace) -> int:
    from jcc_ros.datasets.cifar import cifar
    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.files import save_folder, save_npz
    from jcc_ros.datasets.images import DataError, counted

    as_npz = args.out.suffix == ".npz"
    if not as_npz and args.out.is_dir() and any(args.out.iterdir()):
        raise DataError(
            f"{args.out}: the folder is not empty; old and new images would mix: "
            "give an empty or new folder"
        )
    data = digits(args.part) if args.source == "digits" else cifar(args.folder, args.part)
    (save_npz if as_npz else save_folder)(data, args.out)
    print(f"{args.out}: {counted(len(data), 'image')}, {counted(len(data.classes), 'class')}")
    return 0


def _from_bag(args: Namespace) -> int:
    from collections import Counter

    from tqdm import tqdm

    from jcc_ros.datasets.files import class_folder, save_image
    from jcc_ros.datasets.images import DataError, counted
    from jcc_ros.evaluation.bag_images import image_topic, labelled_images
    from jcc_ros.evaluation.bags import Bag
    from jcc_ros.evaluation.truth_table import read_table

    if args.out.suffix == ".npz":
        raise DataError(
            f"{args.out}: from-bag writes a folder, because images of a bag may differ in size: "
            f"give --out a folder, such as {args.out.with_suffix('')}"
        )
    counts: Counter[str] = Counter()
    unlabelled: list[int] = []  # stamps
    unreadable = 0
    bag_path = args.bag.resolve()
    with Bag(args.bag) as bag:
        topic, truth = image_topic(bag, args.topic), read_table(args.labels, bag.start)
        # Bags of two days may have one name; no name of a topic has a hyphen.
        name = bag_path.name if bag_path.is_dir() else bag_path.stem
        name += f"_{bag.start}{topic.replace('/', '-')}"
        # A stamp and an index: another bag's name may begin as this one's does.
        written = re.compile(rf"{re.escape(name)}_\d+_\d{{6,}}\.png")
        if any(written.fullmatch(file.name) for file in args.out.glob("*/*.png")):
            raise DataError(
                f"{args.out}: already holds images of {topic} of {args.bag}; old and new ones "
                "would mix: give --out another folder, or delete these images"
            )
        for label in truth.labels:
            class_folder(args.out, label)  # before the first image is written
        found = labelled_images(bag, topic, truth, args.every)
        shown = tqdm(found, desc=topic, unit="image", leave=False, disable=None)
        for index, one in enumerate(shown):
            if one.error:
                unreadable += 1
                print(f"skipped the image with stamp {one.stamp} ns: {one.error}", file=sys.stderr)
            if one.label is None:
                unlabelled.append(one.stamp)
            if one.label is None or one.image is None:
                continue
            # The index, because stamps may repeat.
            file = class_folder(args.out, one.label) / f"{name}_{one.stamp}_{index:06d}.png"
            save_image(one.image, file)
            counts[one.label] += 1
    if unreadable and not counts:
        raise DataError(f"{args.bag}: no labelled image on {topic} can be read")
    if not counts:
        missed = truth.missed(min(unlabelled), max(unlabelled))
        raise DataError(
            f"{args.labels}: labels none of the images on {topic} of {args.bag}; {missed}"
        )
    if unseen := sorted(truth.labels - counts.keys()):
        print(f"{args.labels}: labels without an image: {', '.join(unseen)}", file=sys.stderr)
    for label, count in sorted(counts.items()):
        print(f"{count:8d}  {label}")
    print(
        f"{args.out}: {counted(counts.total(), 'image')}, {counted(len(counts), 'class')}; "
        f"left out: {len(unlabelled)} without a label, {unreadable} unreadable"
    )
    return 0
