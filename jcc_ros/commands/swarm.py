"""Measure what a host needs for many robots, with real messages and a real classifier.

For each number of robots, one process sends the latents of them all and receives their labels,
while the classifier runs in another. One row each: the frames sent and labelled, the share of a
core that the classifier needs for one robot, its CPU time per frame, the frames per batch, and the
time from sending to label.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jcc_ros.commands.arguments import above_zero, add_json, add_model, positive

if TYPE_CHECKING:
    from jcc_ros.nodes.bench.swarm import Swarm
    from jcc_ros.nodes.processes import Nodes
    from jcc_ros.nodes.watch import Serve

    Row = dict[str, float]

START_LIMIT = 60.0  # s
SETTLE = 3.0  # s


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "--robots",
        type=positive,
        nargs="+",
        default=[8, 16, 32, 64],
        metavar="N",
        help="numbers of robots to measure with (default: 8 16 32 64)",
    )
    parser.add_argument(
        "--fps",
        type=above_zero,
        default=5.0,
        metavar="N",
        help="frames per second of each robot (default: 5)",
    )
    parser.add_argument(
        "--classifiers",
        type=positive,
        default=1,
        metavar="N",
        help="number of classifiers that share the robots (default: 1)",
    )
    parser.add_argument(
        "--seconds",
        type=above_zero,
        default=20.0,
        metavar="S",
        help="duration of each measurement, s (default: 20)",
    )
    add_json(parser, "build/bench/swarm.json")


def run(args: Namespace) -> int:
    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation.output import save_json
    from jcc_ros.networks.encoder_model import load_encoder
    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.nodes.bench.swarm import Swarm
    from jcc_ros.nodes.installed import node_environment
    from jcc_ros.nodes.processes import Nodes
    from jcc_ros.nodes.watch import own_domain, watching

    own_domain()
    check_writable(args.json)
    folder = model_folder(args.model).resolve()
    model = load_encoder(folder, "cpu")
    point = len(model.codec.ladder) // 2
    images = digits("test").images[:100]
    packets = [model.codec.encode(model.latent(image), point).to_bytes() for image in images]
    rows = []
    print(
        f"{'robots':>6} {'sent':>6} {'labelled':>8} {'core/robot':>11} {'ms/frame':>9} "
        f"{'frames/batch':>13} {'latency, ms':>12}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="jcc_swarm_") as scratch:
        nodes = Nodes(Path(scratch), node_environment())
        try:
            for robots in args.robots:
                hosts = [f"host{index}" for index in range(args.classifiers)]
                pids: list[int] = []
                for index, host in enumerate(hosts):
                    shard = f"{index}/{args.classifiers}"
                    pids.append(
                        nodes.start("classifier", host, models=f"['{folder}']", shard=shard)
                    )
                with watching(partial(Swarm, robots, args.fps, packets)) as (swarm, serve):
                    rows.append(_measure(swarm, serve, nodes, pids, args))
                    _print(rows[-1])
                nodes.stop(*hosts)
        finally:
            nodes.stop()
    save_json(rows, args.json)
    print(f"written to {args.json}")
    return 0


def _measure(swarm: Swarm, serve: Serve, nodes: Nodes, pids: list[int], args: Namespace) -> Row:
    from jcc_ros.nodes.watch import until

    def ready() -> bool:
        return swarm.ready() and len(swarm.batches) == len(pids)

    if not until(serve, ready, START_LIMIT, nodes.ended):
        raise nodes.failure("not every robot has found a classifier")
    swarm.begin()
    serve(SETTLE)
    before, labelled, batches = _cpu(pids), sum(swarm.labelled), sum(swarm.batches.values())
    sent, start = sum(swarm.sent), time.monotonic()
    swarm.latencies.clear()
    serve(args.seconds)
    passed = time.monotonic() - start
    cpu = [after - at_first for after, at_first in zip(_cpu(pids), before, strict=True)]
    frames = sum(swarm.labelled) - labelled
    robots = len(swarm.sent)
    return {
        "robots": robots,
        "classifiers": len(pids),
        "fps": (sum(swarm.sent) - sent) / passed / robots,
        "sent": sum(swarm.sent) - sent,
        "labelled": frames,
        "robots_without_labels": swarm.labelled.count(0),
        "cores_per_robot": sum(cpu) / passed / robots,
        "cores_of_each": [seconds / passed for seconds in cpu],
        "cpu_s_per_frame": sum(cpu) / max(1, frames),
        "frames_per_batch": frames / max(1, sum(swarm.batches.values()) - batches),
        "latency_s": statistics.median(swarm.latencies or [float("nan")]),
    }


def _cpu(pids: list[int]) -> list[float]:
    """Return the seconds of CPU time that each process has used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return [sum(map(int, f[11:13])) / os.sysconf("SC_CLK_TCK") for f in fields]


def _print(row: Row) -> None:
    print(
        f"{row['robots']:6d} {row['sent']:6d} {row['labelled']:8d} {row['cores_per_robot']:11.4f} "
        f"{1000 * row['cpu_s_per_frame']:9.2f} {row['frames_per_batch']:13.2f} "
        f"{1000 * row['latency_s']:12.1f}",
        flush=True,
    )
