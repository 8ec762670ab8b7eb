"""Show all encoders on the network: bit rates, operating points, drops, latency.

One row per camera, updated every second until Ctrl-C; --once prints one table and exits. In a file
or a pipe, each table is written below the one before.
"""

from __future__ import annotations

import math
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from jcc_ros.nodes.fleet import Fleet

REFRESH = 1.0  # s
PATIENCE = 5.0  # s that --once waits for a first report
_NOTHING = "–"  # there is no number yet
_HEADINGS = ("", "kbit/s", "point", "accuracy", "fps sent/in", "bits", "latency")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="print one table and exit")


def run(args: Namespace) -> int:
    from rich.console import Console
    from rich.live import Live

    from jcc_ros.nodes.fleet import Fleet
    from jcc_ros.nodes.watch import until, watching

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 140)
    with watching(Fleet) as (fleet, serve):
        if args.once:
            if not until(serve, fleet.robots, PATIENCE):
                heard = f"no encoder heard within {PATIENCE:g} s on {_domain()}"
                print(f"jcc top: {heard}", file=sys.stderr)
                return 1
            serve(2 * REFRESH)
            console.print(table(fleet))
            return 0
        while not terminal:
            serve(REFRESH)
            console.print(table(fleet))
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while True:
                serve(REFRESH)
                live.update(table(fleet), refresh=True)


def _domain() -> str:
    return f"ROS_DOMAIN_ID {os.environ.get('ROS_DOMAIN_ID') or '0 (the default)'}"


def table(fleet: Fleet) -> RenderableType:
    """Return a line an encoder, and under it a row a camera; what has to be told has its own lines.

    80 columns are enough.
    """
    from rich.console import Group
    from rich.markup import escape

    from jcc_ros.evaluation.text import printable

    def plain(text: str) -> str:
        return escape(printable(text))

    lines: list[RenderableType] = [
        f"encoders: {len(fleet.robots())}, {_domain()}",
        _row(*_HEADINGS),
    ]
    for topic, status in fleet.robots().items():
        name, rate = topic.removesuffix("/status"), f"{status.bitrate_wire / 1000:.1f}"
        target = f" of {status.bitrate_target / 1000:.1f}" if status.bitrate_target else ""
        lines.append(
            f"[bold]{plain(name)}[/] {plain(status.model)} {plain(status.model_id[:6])}, "
            f"[bold]{rate}{target} kbit/s[/]"
        )
        if status.limit:
            lines.append(f"[yellow]{plain(status.limit)}[/]")
        for camera in status.topics:
            latency = fleet.latency(camera.topic)
            sent = camera.frames_sent > 0
            numbers = (
                f"{camera.bitrate_wire / 1000:.1f}",
                str(camera.operating_point) if sent else _NOTHING,
                f"{100 * camera.expected_accuracy:.0f} %" if sent else _NOTHING,
                f"{camera.fps_sent:.1f}/{camera.fps_in:.1f}",
                f"{camera.payload_bits:.0f}" if sent else _NOTHING,
                _NOTHING if math.isnan(latency) else f"{1000 * latency:.0f} ms",
            )
            lines.append(_row(f"  {plain(camera.topic)}", *numbers))
            if camera.dropped:
                drops = (f"{drop.count} {plain(drop.reason)}" for drop in camera.dropped)
                lines.append(f"    dropped: {', '.join(drops)}")
    return Group(*lines)


def _row(name: str, *numbers: str) -> Table:
    """Return a line of columns; those of all rows have the same widths."""
    from rich.table import Table

    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(ratio=1, overflow="fold")
    for heading in _HEADINGS[1:]:
        row.add_column(justify="right", no_wrap=True, width=max(8, len(heading)))
    row.add_row(name, *numbers)
    return row
