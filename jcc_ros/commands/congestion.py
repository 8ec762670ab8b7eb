"""Show how the encoder reacts when the link carries less than its bit rate target.

Camera and encoder run in one network namespace, the classifier in another. After a while the link
between them is limited (tc tbf), and later the limit is lifted again. Each second gives one row:
the time, what the encoder sent, its estimate of what the link carries, and the latency from image
to label. The rows of the JSON file also have what tcpdump counted behind the link. Needs root,
iproute2 and tcpdump.
"""

from __future__ import annotations

import math
import statistics
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from jcc_ros.codec.budget import MAX_BITRATE
from jcc_ros.commands.arguments import above_zero, add_json, add_model

if TYPE_CHECKING:
    from jcc_ros.nodes.monitor import Monitor
    from jcc_ros.nodes.watch import Serve

    Row = dict[str, float | None]

REACTION = 5.0  # s that the encoder has got to find out
SETTLE = 12.0  # s
_PICTURES = (".svg", ".png", ".pdf")


def add_arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "--target",
        type=partial(above_zero, most=MAX_BITRATE),
        default=16e3,
        metavar="BPS",
        help="bit rate target of the encoder, bit/s (default: 16000)",
    )
    parser.add_argument(
        "--link",
        type=above_zero,
        metavar="BPS",
        help="bit rate to limit the link to, bit/s (default: half of the target)",
    )
    parser.add_argument(
        "--queue",
        type=above_zero,
        default=2.0,
        metavar="S",
        help="longest time a packet may wait in front of the limited link, s (default: 2)",
    )
    parser.add_argument(
        "--fps",
        type=above_zero,
        default=15.0,
        metavar="N",
        help="frames per second of the camera (default: 15)",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="duration with the limit, and again after it, at least 6 s (default: 30)",
    )
    add_json(parser, "build/bench/congestion.json")
    parser.add_argument(
        "--plot",
        type=_picture,
        metavar="FILE",
        help="plot rate, estimate and latency to this file: .svg, .png or .pdf",
    )


def run(args: Namespace) -> int:
    from jcc_ros.datasets.writing import check_writable
    from jcc_ros.evaluation.output import save_json
    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.nodes.bench.two_hosts import two_hosts
    from jcc_ros.nodes.bench.veth import limit, on_ethernet, unlimit

    check_writable(args.json)
    if args.plot:
        check_writable(args.plot)
    narrow = args.link or args.target / 2
    rows: list[Row] = []
    print(f"{'time, s':>8} {'sent':>9} {'estimate':>9} {'latency, ms':>12}", flush=True)
    with (
        two_hosts(model_folder(args.model).resolve()) as hosts,
        hosts.encoder(["camera"], bitrate=args.target),
        hosts.cameras(["camera"], args.fps) as (monitor, serve),
    ):
        serve(SETTLE)
        began = time.time() + REACTION
        rows += _watch(monitor, serve, REACTION, began)
        limit(narrow, args.queue)
        rows += _watch(monitor, serve, args.seconds, began)
        unlimit()
        rows += _watch(monitor, serve, args.seconds, began)
        for row, after in pairwise([*rows, None]):
            end = after["time_s"] if after else row["time_s"] + 1
            seen = hosts.capture.traffic(began + row["time_s"], began + end)
            passed = end - row["time_s"]
            row["captured_bps"] = seen.data_bits / passed
            row["latents_bps"] = on_ethernet(seen.messages, seen.data_bits) / passed
            row["others_bps"] = on_ethernet(seen.others, seen.other_bits) / passed
    result = {"target_bps": args.target, "link_bps": narrow, "queue_s": args.queue}
    result |= {"fps": args.fps, **_summary(rows, args.seconds, narrow, args.target), "rows": rows}
    for name in ("reaction_s", "limited_bps", "used", "limited_latency_s", "recovery_s"):
        print(f"{name}: {result[name]}")
    save_json(result, args.json)
    print(f"written to {args.json}")
    if args.plot:
        _plot(rows, narrow, args)
    return 0


def _plot(rows: list[Row], narrow: float, args: Namespace) -> None:
    """Draw the rows over time."""
    from matplotlib.figure import Figure

    from jcc_ros.datasets.writing import replacing

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    rates, delays = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    times = [row["time_s"] for row in rows]

    def drawn(name: str, scale: float) -> list[float]:
        return [math.nan if row[name] is None else scale * row[name] for row in rows]

    rates.step(times, drawn("captured_bps", 1e-3), where="post", label="captured behind the link")
    rates.plot(times, drawn("estimate_bps", 1e-3), ".-", label="estimate, where it limits")
    rates.hlines(narrow / 1e3, 0, args.seconds, "k", "dashed", label="the link carries")
    rates.set_ylabel("kbit/s")
    rates.set_ylim(0, 2 * args.target / 1e3)
    rates.legend()
    delays.plot(times, drawn("latency_s", 1.0), ".-")
    delays.set_ylabel("image to label, s")
    delays.set_xlabel("time since the link was limited, s")
    with replacing(args.plot) as partial:
        figure.savefig(partial)


def _watch(monitor: Monitor, serve: Serve, seconds: float, began: float) -> list[Row]:
    """Return a row a second."""
    rows: list[Row] = []
    start = time.time()
    for second in range(1, round(seconds) + 1):
        before, at = monitor.status.topics[0].frames_sent, time.time()
        monitor.tally.latencies.clear()
        serve(max(0.0, start + second - at))
        status, now = monitor.status, time.time()
        frame_bits = statistics.fmean(monitor.tally.wire_bits[-100:] or [0])
        sent = status.topics[0].frames_sent - before
        rows.append(
            {
                "time_s": round(at - began, 3),
                "sent_bps": sent * frame_bits / (now - at),
                "estimate_bps": status.bitrate_link or None,
                "latency_s": monitor.tally.latency(50) if monitor.tally.latencies else None,
            }
        )
        _print(rows[-1])
    return rows


def _summary(rows: list[Row], seconds: float, narrow: float, target: float) -> Row:
    """Return the seconds to react and to recover, and rate and latency between the two.

    Also the share that latents used of what others left of the link, at the Ethernet layer.
    """
    limited = [row for row in rows if REACTION <= row["time_s"] < seconds]
    waits = [row["latency_s"] for row in limited if row["latency_s"] is not None]
    reacted = [
        row["time_s"] + 1
        for row in rows
        if 0 <= row["time_s"] < seconds and row["estimate_bps"] and row["estimate_bps"] <= narrow
    ]
    recovered = [
        row["time_s"] + 1 - seconds
        for row in rows
        if row["time_s"] >= seconds and (row["estimate_bps"] or target) >= target
    ]
    latents, others = (
        statistics.fmean(row[name] for row in limited) for name in ("latents_bps", "others_bps")
    )
    return {
        "reaction_s": min(reacted, default=None),
        "limited_bps": statistics.fmean(row["captured_bps"] for row in limited),
        "used": latents / (narrow - others),
        "limited_latency_s": statistics.median(waits) if waits else None,
        "recovery_s": min(recovered, default=None),
    }


def _print(row: Row) -> None:
    estimate = f"{row['estimate_bps']:.0f}" if row["estimate_bps"] else ""
    latency = f"{1000 * row['latency_s']:.0f}" if row["latency_s"] is not None else ""
    print(f"{row['time_s']:8.1f} {row['sent_bps']:9.0f} {estimate:>9} {latency:>12}", flush=True)


def _picture(text: str) -> Path:
    file = Path(text)
    if file.suffix not in _PICTURES:
        raise ArgumentTypeError(f"{text!r} does not end in {', '.join(_PICTURES)}")
    return file


def _seconds(text: str) -> float:
    seconds, least = above_zero(text), REACTION + 1
    if seconds < least:
        raise ArgumentTypeError(
            f"{text}: must be at least {least:g} s, as the encoder has {REACTION:g} s to find out "
            "what the link carries"
        )
    return seconds
