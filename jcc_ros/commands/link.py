"""Measure by packet capture what a bit rate target becomes on a real link.

Camera and encoder run in one network namespace, the classifier in another; tcpdump counts what
crosses the veth pair between them at the IP layer. Every target is measured with every frame rate
and every number of cameras. Needs root, iproute2 and tcpdump.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING

from jcc_ros.codec.budget import MAX_BITRATE, MAX_DELAY
from jcc_ros.codec.packet import MAX_PACKETS
from jcc_ros.commands.arguments import above_zero, add_json, add_model, from_zero, positive, whole

if TYPE_CHECKING:
    from jcc_ros.nodes.bench.veth import Capture
    from jcc_ros.nodes.monitor import Monitor
    from jcc_ros.nodes.watch import Serve

SETTLE = 12.0  # s after a change: the encoder's own mean is over 10 s


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "--targets",
        type=partial(above_zero, most=MAX_BITRATE),
        nargs="+",
        default=[2e3, 8e3, 32e3, 128e3],
        metavar="BPS",
        help="bit rate targets of the encoder, bit/s (default: 2000 8000 32000 128000)",
    )
    parser.add_argument(
        "--fps",
        type=above_zero,
        nargs="+",
        default=[5, 15, 30],
        metavar="N",
        help="frames per second of each camera (default: 5 15 30)",
    )
    parser.add_argument(
        "--topics",
        type=positive,
        nargs="+",
        default=[1],
        metavar="N",
        help="numbers of cameras, each with a topic of its own (default: 1)",
    )
    parser.add_argument(
        "--frames-per-message",
        type=partial(whole, least=1, most=MAX_PACKETS),
        default=1,
        metavar="N",
        help=f"maximum number of frames that share a message, 1 to {MAX_PACKETS} (default: 1)",
    )
    parser.add_argument(
        "--max-delay",
        type=partial(from_zero, most=MAX_DELAY),
        default=0.5,
        metavar="S",
        help="maximum time a frame waits for others to share its message, "
        f"0 to {MAX_DELAY:g} s (default: 0.5)",
    )
    parser.add_argument(
        "--seconds",
        type=above_zero,
        default=30.0,
        metavar="S",
        help="duration of each measurement, s (default: 30)",
    )
    add_json(parser, "build/bench/link.json")


def run(args: Namespace) -> int:
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation.output import save_json
    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.nodes.bench.two_hosts import two_hosts

    check_writable(args.json)
    rows = []
    print(
        f"{'target':>8} {'fps':>5} {'topics':>6} {'captured':>9} {'reported':>9}  limit", flush=True
    )
    with two_hosts(model_folder(args.model).resolve()) as hosts:
        for topics in args.topics:
            names = [f"camera{index}" for index in range(topics)]
            with hosts.encoder(
                names,
                bitrate=args.targets[0],
                frames_per_message=args.frames_per_message,
                max_delay=args.max_delay,
            ):
                for fps in args.fps:
                    with hosts.cameras(names, fps) as (monitor, serve):
                        for target in args.targets:
                            row = _measure(monitor, serve, hosts.capture, target, args.seconds)
                            rows.append({**row, "fps": fps, "topics": topics})
                            _print(rows[-1])
    save_json(rows, args.json)
    print(f"written to {args.json}")
    return 0


def _measure(
    monitor: Monitor, serve: Serve, capture: Capture, target: float, seconds: float
) -> dict[str, float | str]:
    monitor.set_parameter("/encoder", "bitrate", target)
    serve(SETTLE)
    monitor.tally.wire_bits.clear()
    start = time.time()
    reports = []
    while time.time() - start < seconds:
        serve(1.0)
        reports.append(monitor.status.bitrate_wire)
    end = time.time()
    seen = capture.traffic(start, end)
    return {
        "target_bps": target,
        "captured_bps": seen.data_bits / (end - start),
        "reported_bps": sum(reports) / len(reports),
        "other_bps": seen.other_bits / (end - start),
        "captured_message_bits": seen.data_bits / max(1, seen.messages),
        "reported_frame_bits": sum(monitor.tally.wire_bits) / max(1, len(monitor.tally.wire_bits)),
        "limit": monitor.status.limit,
    }


def _print(row: dict[str, float | str]) -> None:
    print(
        f"{row['target_bps']:8.0f} {row['fps']:5.0f} {row['topics']:6d} {row['captured_bps']:9.0f} "
        f"{row['reported_bps']:9.0f}  {row['limit']}",
        flush=True,
    )
