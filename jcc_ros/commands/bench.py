"""Time codec, networks and preprocessing; with ROS, also the nodes' work and their start-up."""

from __future__ import annotations

import statistics
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jcc_ros.commands.arguments import above_zero, add_json

if TYPE_CHECKING:
    from jcc_ros.evaluation.bench import Benchmark

_DEFAULT_MODEL = "cifar10"
_SHOWN = 10  # owners of memory


def add_arguments(parser: ArgumentParser) -> None:
    add_json(parser, "build/bench/bench.json")
    parser.add_argument(
        "--model",
        type=Path,
        help=f"model folder or name (default: {_DEFAULT_MODEL}, or random weights of its size if "
        "it is not found)",
    )
    parser.add_argument(
        "--effort",
        type=above_zero,
        default=1.0,
        metavar="X",
        help="multiply the numbers of repetitions by X (default: 1)",
    )


def run(args: Namespace) -> int:
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation import bench
    from jcc_ros.evaluation.output import save_json, table
    from jcc_ros.evaluation.synthetic import SEED, synthetic_model
    from jcc_ros.networks.model import load_model
    from jcc_ros.networks.model_folder import model_folder, named_models

    check_writable(args.json)
    try:
        from jcc_ros.nodes.bench import startup, work
        from jcc_ros.nodes.watch import own_domain

        own_domain()
    except ImportError as error:
        startup = work = None
        print(f"nodes left out: {error}")
    folder = model_folder(args.model) if args.model else named_models().get(_DEFAULT_MODEL)
    encoder, classifier = load_model(folder) if folder else synthetic_model()
    machine = bench.machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load'][0]}; one thread")
    print(f"model: {folder or 'random weights, synthetic entropy table'}\n")
    benchmarks = bench.run_all(encoder, classifier, args.effort, work and work.encoding)
    if work:
        benchmarks.append(bench.throughput(classifier, work.classifying, args.effort))
    columns = ["median", "value", "5 %", "95 %", "n", "peer", "value", "ratio", "floor", "goal"]
    print(table(columns, [_cells(benchmark) for benchmark in benchmarks]))
    start = None
    if startup and folder:
        start = _start(folder, max(1, round(3 * args.effort)))
    figures = [{**vars(benchmark), "ratio": benchmark.ratio} for benchmark in benchmarks]
    save_json(
        {
            "machine": machine,
            "model": classifier.name,
            "model_id": encoder.codec.model_id,
            "seed": SEED,
            "benchmarks": figures,
            "start": start,
        },
        args.json,
    )
    print(f"\nwritten: {args.json}")
    return 0


def _start(folder: Path, times: int) -> dict[str, Any]:
    """Start both nodes a few times; print and return how long that took and what memory it took."""
    from jcc_ros.nodes.bench.startup import start_both

    starts = []
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="jcc_bench_") as scratch:
            starts.append(start_both(folder, Path(scratch)))
    seconds = statistics.median(start.seconds for start in starts)
    memory = starts[-1].memory
    print(f"\nboth nodes, start to first label: {seconds:.1f} s, median of {times} (goal: <= 5 s)")
    print(f"encoder node, resident: {sum(memory.values()) / 1e6:.0f} MB, of which")
    for owner, size in list(memory.items())[:_SHOWN]:
        print(f"  {size / 1e6:6.1f}  {owner}")
    return {"seconds": [start.seconds for start in starts], "encoder_memory_bytes": memory}


def _cells(row: Benchmark) -> list[str]:
    peer_value = "" if row.peer_value is None else f"{_short(row.peer_value)} {row.unit}"
    return [
        row.name,
        f"{_short(row.value)} {row.unit}",
        _short(row.p05),
        _short(row.p95),
        str(row.repetitions),
        row.peer or "",
        peer_value,
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.floor is None else f"{_short(row.floor)} {row.unit}",
        row.goal or "",
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
