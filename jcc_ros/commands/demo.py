"""Run camera, encoder and classifier as three processes on real ROS 2, with a live table.

The camera shows the held-out third of scikit-learn's handwritten digits in 640x480 frames. The
exit status is 0 if at least 95 % of the labels are right, every frame is labelled or counted as
dropped with its reason, and all processes end cleanly.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jcc_ros.commands.arguments import above_zero, add_json, add_model, from_zero, positive

if TYPE_CHECKING:
    from rich.table import Table

    from jcc_ros.nodes.monitor import Tally
    from jcc_ros.nodes.processes import Nodes
    from jcc_ros.nodes.watch import Serve

LEAST_ACCURACY = 0.95
START_LIMIT = 60.0  # s until both nodes have found each other
END_LIMIT = 5.0  # s for the last labels and counts to arrive
SILENCE_LIMIT = 10.0  # s without a new frame
REFRESH = 0.25  # s


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "--frames",
        type=positive,
        default=200,
        metavar="N",
        help="number of frames to publish (default: 200)",
    )
    parser.add_argument(
        "--fps",
        type=above_zero,
        default=10.0,
        metavar="N",
        help="frames per second of the camera (default: 10)",
    )
    parser.add_argument(
        "--bitrate",
        type=from_zero,
        default=16000.0,
        metavar="BPS",
        help="target of the encoder, bit/s at the IP layer; 0: no limit (default: 16000)",
    )
    add_json(parser, "demo.json")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="record a bag for `jcc bag` in this folder, which must not exist",
    )


def run(args: Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.files import save_folder
    from jcc_ros.datasets.images import DataError
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation.output import save_json
    from jcc_ros.networks.architecture import ClassifierConfig
    from jcc_ros.networks.model_file import CLASSIFIER_FILE, read_model_file
    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.nodes.installed import node_environment
    from jcc_ros.nodes.monitor import Monitor
    from jcc_ros.nodes.processes import Nodes
    from jcc_ros.nodes.watch import own_domain, until, watching

    domain = own_domain()
    check_writable(args.json)
    if args.record and args.record.exists():
        raise DataError(
            f"--record {args.record}: already exists; give a new folder, as bags are never "
            "overwritten"
        )
    model = model_folder(args.model).resolve()
    shown = digits("test")
    known = read_model_file(model / CLASSIFIER_FILE, "classifier", ClassifierConfig).classes
    if not set(shown.classes) <= set(known):
        raise DataError(
            f"--model {args.model}: does not know the classes 0 to 9, and the demo shows "
            "handwritten digits; leave --model out, or name a model of digits"
        )
    with tempfile.TemporaryDirectory(prefix="jcc_demo_") as scratch:
        nodes = Nodes(Path(scratch), node_environment())
        images = Path(scratch) / "digits"
        try:
            say(f"ROS_DOMAIN_ID {domain}; starting encoder and classifier")
            nodes.start("encoder", model=model, bitrate=args.bitrate)
            nodes.start("classifier", models=f"['{model}']")
            if args.record:
                nodes.start("recorder", bag=args.record.resolve())
            save_folder(shown, images)
            with watching(Monitor) as (monitor, serve):
                if not until(serve, monitor.ready, START_LIMIT, nodes.ended):
                    return _explain(nodes, "encoder and classifier did not find each other")
                if args.record and not until(serve, monitor.recorded, START_LIMIT, nodes.ended):
                    return _explain(nodes, "the recorder did not find encoder and classifier")
                say(f"starting camera: {args.frames} frames of 640x480 at {args.fps:g} fps")
                nodes.start(
                    "camera",
                    source=images,
                    fps=args.fps,
                    frames=args.frames,
                    subscribers=2 if args.record else 1,
                )
                _watch(serve, monitor.tally, nodes, args)
                say("stopping")
                ended = nodes.stop()
                until(serve, lambda: monitor.tally.unaccounted == 0, END_LIMIT)
        finally:
            nodes.stop()
        tally = monitor.tally
        save_json(_summary(tally), args.json)
        return _judge(tally, args, ended, nodes)


def say(text: str) -> None:
    print(text, flush=True)


def _watch(serve: Serve, tally: Tally, nodes: Nodes, args: Namespace) -> None:
    """Show the table until the camera has ended and every frame is accounted for."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    drawn = grown = time.monotonic()
    seen = 0
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            serve(0.05)
            now = time.monotonic()
            if tally.frames > seen:
                seen, grown = tally.frames, now
            if now - drawn >= REFRESH and console.is_terminal:
                live.update(so_far(tally, args.frames, args.bitrate), refresh=True)
                drawn = now
            over = "camera" in nodes.ended() and tally.unaccounted == 0
            broken = nodes.ended().keys() - {"camera"}
            if over or broken or now - grown > SILENCE_LIMIT:
                break
        live.update(so_far(tally, args.frames, args.bitrate), refresh=True)
    console.print()


def so_far(tally: Tally, frames: int, bitrate: float) -> Table:
    """Return the table of a run.

    Args:
        frames: that the camera is to show.
        bitrate: target of the encoder, bit/s; 0 without a limit.
    """
    from rich.table import Table

    table = Table("", "so far", title="camera -> encoder -> classifier", title_justify="left")
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.dropped.items()))
    table.add_row("frames", f"{tally.frames} of {frames}")
    table.add_row("labelled", f"{tally.labelled}")
    table.add_row("dropped", f"{tally.dropped.total()}" + (f": {reasons}" if reasons else ""))
    rate = f"{tally.mean_bitrate_wire / 1000:.1f}"
    table.add_row(
        "bit rate on the wire",
        f"{rate} of {bitrate / 1000:.1f} kbit/s" if bitrate else f"{rate} kbit/s, no limit",
    )
    table.add_row("payload per image", f"{tally.payload_bits_mean:.1f} bits")
    table.add_row("accuracy", f"{100 * tally.accuracy:.1f} %")
    table.add_row(
        "latency",
        f"{1000 * tally.latency(50):.1f} ms median, {1000 * tally.latency(99):.1f} ms 99th perc.",
    )
    return table


def _summary(tally: Tally) -> dict[str, object]:
    return {
        "frames": tally.frames,
        "labelled": tally.labelled,
        "dropped": tally.dropped.total(),
        "dropped_by_reason": dict(tally.dropped),
        "accuracy": tally.accuracy,
        "payload_bits_mean": tally.payload_bits_mean,
        "bitrate_target": tally.bitrate_target,
        "bitrate_wire": tally.mean_bitrate_wire,
        "latency_ms_p50": 1000 * tally.latency(50),
        "latency_ms_p99": 1000 * tally.latency(99),
    }


def _judge(tally: Tally, args: Namespace, ended: dict[str, int], nodes: Nodes) -> int:
    unclean = {name: status for name, status in ended.items() if status != 0}
    problems = []
    if tally.frames < args.frames:
        problems.append(f"only {tally.frames} of {args.frames} frames were published")
    if not tally.accuracy >= LEAST_ACCURACY:
        problems.append(f"accuracy {tally.accuracy:.3f} is below {LEAST_ACCURACY}")
    if tally.unaccounted:
        problems.append(f"{tally.unaccounted} frames are neither labelled nor counted as dropped")
    problems += [f"{name} ended with exit status {status}" for name, status in unclean.items()]
    say(
        f"{tally.frames} frames: {tally.labelled} labelled, {100 * tally.accuracy:.1f} % of them "
        f"right; {tally.dropped.total()} dropped. {tally.payload_bits_mean:.0f} payload bits an "
        f"image, {tally.mean_bitrate_wire / 1000:.1f} kbit/s on the wire; latency "
        f"{1000 * tally.latency(50):.1f} ms. Written to {args.json}"
    )
    return _explain(nodes, "; ".join(problems)) if problems else 0


def _explain(nodes: Nodes, problem: str) -> int:
    print(f"{nodes.output()}\njcc demo: {problem}", file=sys.stderr)
    return 1
