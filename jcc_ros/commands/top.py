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
    from rich.console import Console
    from rich.live import Live

    from jcc_ros.nodes.fleet import Fleet
    from jcc_ros.nodes.watch import watching

    console = Console(width=None if sys.stdout.isatty() else 140)
    with watching(Fleet) as (fleet, serve):
        if args.once:
            deadline = time.monotonic() + PATIENCE
            while not fleet.robots() and time.monotonic() < deadline:
                serve(0.1)
            serve(2 * REFRESH)
            console.print(table(fleet))
            return 0 if fleet.robots() else 1
        with Live(console=console, auto_refresh=False, screen=sys.stdout.isatty()) as live:
            while True:
                serve(REFRESH)
                live.update(table(fleet), refresh=True)


def table(fleet: Fleet) -> Table:
    """Return a row an encoder, and under it one a camera."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from jcc_ros.evaluation.text import printable

    def plain(text: str) -> str:
        return escape(printable(text))

    found = Table(box=box.SIMPLE_HEAD, title=f"encoders: {len(fleet.robots())}")
    found.add_column("encoder, its cameras", no_wrap=True)
    for heading in ("kbit/s", "point", "accuracy", "fps sent/in", "bits", "latency"):
        found.add_column(heading, justify="right", no_wrap=True)
    found.add_column("dropped")
    for topic, status in fleet.robots().items():
        target = f" of {status.bitrate_target / 1000:.1f}" if status.bitrate_target else ""
        found.add_row(
            f"[bold]{plain(topic.removesuffix('/status'))}[/] "
            f"{plain(status.model)} {plain(status.model_id[:6])}",
            f"[bold]{status.bitrate_wire / 1000:.1f}{target}[/]",
            *5 * ("",),
            f"[yellow]{plain(status.limit)}[/]",
        )
        for camera in status.topics:
            found.add_row(
                f"  {plain(camera.topic)}",
                f"{camera.bitrate_wire / 1000:.1f}",
                str(camera.operating_point),
                f"{100 * camera.expected_accuracy:.0f} %",
                f"{camera.fps_sent:.1f}/{camera.fps_in:.1f}",
                f"{camera.payload_bits:.0f}",
                f"{1000 * fleet.latency(camera.topic):.0f} ms",
                ", ".join(f"{drop.count} {plain(drop.reason)}" for drop in camera.dropped),
            )
    return found
