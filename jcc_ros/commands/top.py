"""Show all encoders on the network: bit rates, operating points, drops, latency.

One row a camera, anew every second, until Ctrl-C; --once prints one table and ends.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from jcc_ros.nodes.fleet import Fleet

REFRESH = 1.0  # s
PATIENCE = 5.0  # s that --once waits for a first report


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="print one table and end")


def run(args: Namespace) -> int:
    try:
        from jcc_ros.nodes.fleet import Fleet
        from jcc_ros.nodes.watch import watching
    except ImportError as error:
        print(f"jcc top: {error}; source a ROS 2 workspace with jcc_ros first", file=sys.stderr)
        return 1
    from rich.console import Console
    from rich.live import Live

    with watching(Fleet) as (fleet, serve):
        if args.once:
            deadline = time.monotonic() + PATIENCE
            while not fleet.robots() and time.monotonic() < deadline:
                serve(0.1)
            serve(2 * REFRESH)
            Console().print(table(fleet))
            return 0 if fleet.robots() else 1
        with Live(console=Console(), auto_refresh=False, screen=sys.stdout.isatty()) as live:
            while True:
                serve(REFRESH)
                live.update(table(fleet), refresh=True)


def table(fleet: Fleet) -> Table:
    """Return one row a camera."""
    from rich.table import Table

    found = Table(
        *("camera", "model", "kbit/s of target", "point", "accuracy", "fps in", "fps sent"),
        *("payload", "latency", "dropped"),
        title=f"{len(fleet.robots())} encoders",
        title_justify="left",
    )
    for status in fleet.robots().values():
        target = f"{status.bitrate_target / 1000:.1f}" if status.bitrate_target else "no limit"
        for camera in status.topics:
            found.add_row(
                camera.topic,
                f"{status.model} {status.model_id[:6]}",
                f"{camera.bitrate_wire / 1000:.1f} of {target}",
                str(camera.operating_point),
                f"{100 * camera.expected_accuracy:.0f} %",
                f"{camera.fps_in:.1f}",
                f"{camera.fps_sent:.1f}",
                f"{camera.payload_bits:.0f} bits",
                f"{1000 * fleet.latency(camera.topic):.0f} ms",
                ", ".join(f"{drop.count} {drop.reason}" for drop in camera.dropped) or "none",
            )
        if status.limit:
            found.add_row("", "", f"[dim]{status.limit}")
    return found
