"""Measure how long an image takes from one process to another, and to its label.

A camera publishes 640x480 rgb8 images over loopback. Three kinds of measurement take turns, each
time in new processes: one subscriber with the default settings of Fast DDS and malloc, one
subscriber with those of jcc_ros, and encoder and classifier up to the label. Times run from the
image's stamp, and are also given in parts: until the last message on the way is written, until it
has arrived in the receiving process, and until its callback receives it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import SUPPRESS, ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from jcc_ros.commands.arguments import above_zero, add_json, add_model, positive

KINDS = ("default", "shipped", "label")
IMAGES = "digits"  # folder of what the camera plays
SETTLE = 20  # images
LIMIT = 60.0  # s


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "--fps",
        type=above_zero,
        default=10.0,
        metavar="N",
        help="frames per second of the camera (default: 10)",
    )
    parser.add_argument(
        "--images",
        type=positive,
        default=100,
        metavar="N",
        help="images to measure in each turn (default: 100)",
    )
    parser.add_argument(
        "--turns",
        type=positive,
        default=2,
        metavar="N",
        help="turns of each kind of measurement (default: 2)",
    )
    add_json(parser, "build/bench/hop.json")
    parser.add_argument("--kind", choices=KINDS, help=SUPPRESS)
    parser.add_argument("--folder", type=Path, help=SUPPRESS)


def run(args: Namespace) -> int:
    if args.kind:
        return _measure(args)
    import numpy as np

    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.files import save_folder
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation.output import save_json
    from jcc_ros.nodes.bench.hop import PARTS, copies, white_image
    from jcc_ros.nodes.installed import node_environment

    check_writable(args.json)
    ways: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="jcc_hop_") as folder:
        save_folder(digits("test"), Path(folder, IMAGES))
        words = [sys.executable, "-m", "jcc_ros.commands.cli", "hop", "--folder", folder]
        words += ["--model", args.model, "--fps", str(args.fps), "--images", str(args.images)]
        for kind in KINDS * args.turns:
            # A process of its own: Fast DDS and malloc read their settings once. And a bare one:
            # malloc learns from large buffers that others have freed to keep those of images.
            environment = {} if kind == "default" else node_environment()
            done = subprocess.run(
                [*words, "--kind", kind],
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode:
                return done.returncode
            ways[kind] += json.loads(done.stdout)
    result = {f"{name}_s": seconds for name, seconds in copies(white_image()).items()}
    for kind in filter(ways.get, KINDS):
        whole = np.sum(ways[kind], axis=1)
        result[f"{kind}_s"] = float(np.median(whole))
        result[f"{kind}_p95_s"] = float(np.percentile(whole, 95))
        for part, seconds in zip(PARTS, np.median(ways[kind], axis=0), strict=True):
            result[f"{kind}_{part}_s"] = float(seconds)
    result["label_above_hop_s"] = result["label_s"] - result["shipped_s"]
    for name, seconds in result.items():
        print(f"{name:>18}: {1000 * seconds:.2f} ms")
    save_json(result, args.json)
    print(f"written to {args.json}")
    return 0


def _measure(args: Namespace) -> int:
    """Print the ways of one turn as JSON."""
    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.nodes.bench.hop import Hop
    from jcc_ros.nodes.processes import Nodes
    from jcc_ros.nodes.watch import own_domain, until, watching

    own_domain()
    nodes = Nodes(args.folder, {})
    try:
        if args.kind == "label":
            model = model_folder(args.model).resolve()
            nodes.start("encoder", model=model)
            nodes.start("classifier", models=f"['{model}']")
        nodes.start("camera", source=args.folder / IMAGES, fps=args.fps)
        with watching(partial(Hop, args.kind == "label")) as (hop, serve):
            enough, limit = SETTLE + args.images, LIMIT + args.images / args.fps
            until(serve, lambda: len(hop.ways) >= enough, limit, nodes.ended)
            # Fast DDS as it comes loses images of this size, on a busy machine most of them.
            if len(hop.ways) <= SETTLE:
                problem = f"{args.kind}: only {len(hop.ways)} messages arrived"
                if args.kind != "default":
                    raise nodes.failure(problem)
                print(f"jcc hop: {problem}", file=sys.stderr)
    finally:
        nodes.stop()
    print(json.dumps(hop.ways[SETTLE : SETTLE + args.images]))
    return 0
