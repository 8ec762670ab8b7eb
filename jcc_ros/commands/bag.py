"""Evaluate recorded bags: accuracy, bits, bit rate, latency, and the outcome at other bit rates.

BAG is a rosbag2 recording: a folder or a single .mcap or .db3 file, which may be compressed and
split. Recorded latents are decoded and classified again, and compared with the recorded labels.
Recorded images are encoded at every operating point if the bag has no latents, at those of
--points, or as the encoder would have done at --bitrate. ROS need not be installed.

The exit status is 1 if a bag could not be read; the other bags are evaluated all the same.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING

from jcc_ros.codec.budget import MAX_BITRATE, MAX_DELAY, MAX_FPS
from jcc_ros.codec.packet import MAX_PACKETS
from jcc_ros.commands.arguments import from_zero, indices, positive, whole

if TYPE_CHECKING:
    from jcc_ros.evaluation.engine import Work
    from jcc_ros.evaluation.examine import Progress
    from jcc_ros.evaluation.result import BagResult
    from jcc_ros.evaluation.staging import Staging

UNKNOWN_SECONDS = 1.0  # of a bag that does not tell its duration
# What belongs to --bitrate alone, and its defaults.
BUDGET = {"max_fps": 0.0, "frames_per_message": 1, "max_delay": 0.5}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "bags", type=Path, nargs="+", metavar="BAG", help="bag folder, .mcap file or .db3 file"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write report.html, plots, frames.csv and summary.json to this folder",
    )
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="MODEL",
        help="model folder, model name, or folder of several models; can be repeated. Of models "
        "with the same id the first is used, so put a newer classifier first (default: the models "
        "in the folder models, else the installed ones)",
    )
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="TOPIC",
        help="evaluate only this image topic; can be repeated (default: all)",
    )
    truth = parser.add_argument_group("ground truth (default: <image topic>/truth, if recorded)")
    one = truth.add_mutually_exclusive_group()
    one.add_argument(
        "--labels",
        type=Path,
        metavar="FILE.csv",
        help="table with the columns stamp,label or start,end,label; times in s or ns",
    )
    one.add_argument(
        "--label-topic",
        metavar="TOPIC",
        help="topic of std_msgs/String, each of which holds until the next, or of "
        "jcc_ros/Classification, each for the frame of its stamp",
    )
    one.add_argument(
        "--label-folder",
        action="store_true",
        help="label all frames with the class that the bag, or a folder around it, is named after",
    )
    replay = parser.add_argument_group("recorded images")
    replay.add_argument(
        "--points",
        type=_points,
        metavar="0,3,5|all",
        help="encode the images at these operating points, or at all",
    )
    replay.add_argument(
        "--bitrate",
        type=_bitrates,
        default=(),
        metavar="2000,8000",
        help="encode the images that the encoder node would have sent with each of these targets, "
        "bit/s at the IP layer",
    )
    replay.add_argument(
        "--max-fps",
        type=partial(from_zero, most=MAX_FPS),
        default=BUDGET["max_fps"],
        metavar="N",
        help="with --bitrate: maximum frames per second of each topic; 0: no limit (default: 0)",
    )
    replay.add_argument(
        "--frames-per-message",
        type=partial(whole, least=1, most=MAX_PACKETS),
        default=BUDGET["frames_per_message"],
        metavar="N",
        help="with --bitrate: maximum number of frames that share a message and its headers, 1 to "
        f"{MAX_PACKETS} (default: 1)",
    )
    replay.add_argument(
        "--max-delay",
        type=partial(from_zero, most=MAX_DELAY),
        default=BUDGET["max_delay"],
        metavar="S",
        help="with --bitrate: maximum time a frame waits for others to share its message, 0 to "
        f"{MAX_DELAY:g} s (default: 0.5)",
    )
    scale = parser.add_argument_group("many bags")
    scale.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="evaluate up to N bags at once (default: one per core)",
    )
    scale.add_argument(
        "--engine",
        choices=("processes", "dask"),
        default="processes",
        help="use processes of this machine or a Dask cluster (default: processes)",
    )
    scale.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="with --engine dask: address of a running cluster (default: start a local one)",
    )


def run(args: Namespace) -> int:
    from jcc_ros.datasets.images import DataError
    from jcc_ros.evaluation.describe import describe
    from jcc_ros.evaluation.result_files import REPORT_FILE
    from jcc_ros.evaluation.staging import staging

    if not args.bitrate:
        for name, default in BUDGET.items():
            if getattr(args, name) != default:
                option = name.replace("_", "-")
                raise DataError(f"--{option} makes no difference without --bitrate")
    if args.scheduler and args.engine != "dask":
        raise DataError("--scheduler makes no difference without --engine dask")
    with ExitStack() as stack:
        staged = stack.enter_context(staging(args.out)) if args.out else None
        results = _evaluated(args, staged)
    for result in results:
        if not result.error:
            print(describe(result), end="\n\n", flush=True)
    good = [result for result in results if not result.error]
    if args.out and good:
        print(f"written: {args.out / REPORT_FILE}")
    return 1 if len(good) < len(results) else 0


def _evaluated(args: Namespace, staged: Staging | None) -> list[BagResult]:
    """Return the result of every bag, its report published if asked for."""
    from tqdm import tqdm

    from jcc_ros.datasets.images import counted

    works, durations = _works(args, staged), _durations(args.bags)
    folders = dict(works)
    found: dict[Path, BagResult] = {}
    published: dict[Path, Path] = {}
    with tqdm(
        # Rounded up: sums of small steps may be a hair more than the whole.
        total=ceil(10 * sum(durations.values())) / 10,
        desc=counted(len(works), "bag"),
        disable=None,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed} so far, {remaining} left",
    ) as bar:
        for result in _results(works, args, bar.update):
            found[result.path] = result
            if result.error:
                bar.write(f"jcc bag: {result.error}", file=sys.stderr)
            elif staged and (written := folders[result.path].out):
                published[result.path] = staged.publish(written)
    results = [found[bag] for bag, _ in works]
    if staged and published and len(works) > 1:
        _publish_all(results, [published[bag] for bag, _ in works if bag in published], staged)
    return results


def _publish_all(results: Sequence[BagResult], folders: Sequence[Path], staged: Staging) -> None:
    """Publish a report of all bags together.

    Args:
        folders: with the rows of the bags that could be read.
    """
    from jcc_ros.evaluation.report import write_report
    from jcc_ros.evaluation.result_files import FRAMES_FILE
    from jcc_ros.evaluation.rows import join

    write_report(results, staged.folder)
    join([folder / FRAMES_FILE for folder in folders], staged.folder)
    staged.publish(staged.folder)


def _works(args: Namespace, staged: Staging | None) -> list[Work]:
    """Return every bag, named once, with what is to be done with it and where its rows go."""
    from jcc_ros.codec.budget import Budget
    from jcc_ros.evaluation.plan import Options
    from jcc_ros.evaluation.result_files import bag_folder
    from jcc_ros.evaluation.workers import cores

    bags = list(dict.fromkeys(args.bags))
    jobs = _jobs(args, len(bags))
    options = Options(
        models=tuple(args.model),
        points=args.points,
        bitrates=args.bitrate,
        budget=Budget(
            max_fps=args.max_fps or inf,
            frames_per_message=args.frames_per_message,
            max_delay=args.max_delay,
        ),
        labels=args.labels,
        label_topic=args.label_topic,
        label_folder=args.label_folder,
        topics=tuple(args.topic),
        threads=max(1, cores() // jobs),
        out=staged and staged.folder,
    )
    if staged is None or len(bags) == 1:
        return [(bag, options) for bag in bags]
    out = staged.folder
    return [(bag, replace(options, out=bag_folder(out, i))) for i, bag in enumerate(bags, 1)]


def _results(works: Sequence[Work], args: Namespace, progress: Progress) -> Iterator[BagResult]:
    from jcc_ros.evaluation.engine import examine_all, examine_on_dask

    jobs = _jobs(args, len(works))
    if args.engine == "dask":
        return examine_on_dask(works, jobs, args.scheduler, progress)
    return examine_all(works, jobs, progress)


def _durations(bags: Sequence[Path]) -> dict[Path, float]:
    """Return the seconds of every bag, for the time that is left; damage is told later."""
    from jcc_ros.evaluation.bags import Bag, BagError

    durations = {}
    for path in bags:
        try:
            with Bag(path) as bag:
                durations[path] = bag.duration
        except BagError:
            durations[path] = UNKNOWN_SECONDS
    return durations


def _jobs(args: Namespace, bags: int) -> int:
    from jcc_ros.evaluation.workers import cores

    return min(args.jobs or cores(), bags)


def _points(text: str) -> tuple[int, ...]:
    return () if text == "all" else indices(text)


def _bitrates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(sorted({float(word) for word in text.split(",")}))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a list of bit/s such as 2000,8000") from None
    if not all(0 < rate <= MAX_BITRATE for rate in rates):
        raise ArgumentTypeError(
            f"{text}: bit rates must be above 0 and at most {MAX_BITRATE:g} bit/s"
        )
    return rates
