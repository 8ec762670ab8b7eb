"""Time the codec, the networks and the preprocessing on one thread."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jcc_ros.evaluation.bench import Benchmark

_DEFAULT_MODEL = Path("models/cifar10")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--json",
        type=Path,
        default=Path("build/bench/bench.json"),
        metavar="OUT",
        help="default: build/bench/bench.json",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL_DIR",
        help=f"default: {_DEFAULT_MODEL}; where that is missing, random weights of its size",
    )
    parser.add_argument(
        "--effort", type=float, default=1.0, metavar="X", help="scales the repetitions (default: 1)"
    )


def run(args: Namespace) -> int:
    from jcc_ros.evaluation import bench
    from jcc_ros.evaluation.report import save_json, table
    from jcc_ros.networks.model import load_model

    folder = args.model or (_DEFAULT_MODEL if _DEFAULT_MODEL.is_dir() else None)
    encoder, classifier = load_model(folder) if folder else bench.synthetic_model()
    machine = bench.machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load'][0]}; one thread")
    print(f"model: {folder or 'random weights, synthetic entropy table'}\n")
    benchmarks = bench.run_all(encoder, classifier, args.effort)
    columns = ["median", "value", "5 %", "95 %", "n", "peer", "value", "ratio", "goal"]
    print(table(columns, [_cells(benchmark) for benchmark in benchmarks]))
    figures = [{**vars(benchmark), "ratio": benchmark.ratio} for benchmark in benchmarks]
    save_json(
        {
            "machine": machine,
            "model": classifier.name,
            "model_id": encoder.codec.model_id,
            "seed": bench.SEED,
            "benchmarks": figures,
        },
        args.json,
    )
    print(f"\nwritten: {args.json}")
    return 0


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
        "" if row.goal is None else f"< {_short(row.goal)} {row.unit}",
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
