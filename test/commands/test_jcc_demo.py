"""The table of `jcc demo`; test/nodes runs the command as a whole."""

import pytest

pytest.importorskip("rclpy")

from rich.console import Console

from jcc_ros.commands.demo import so_far
from jcc_ros.nodes.monitor import Tally


@pytest.mark.parametrize(
    ("bitrate", "told"), [(16000.0, "8.0 of 16.0 kbit/s "), (0.0, "8.0 kbit/s, no limit ")]
)
def test_the_limit_of_the_bit_rate_is_told(bitrate, told):
    stamps = {0: "3", 10**9: "4"}
    tally = Tally(truths=stamps, labels=stamps, wire_bits=[8000, 8000], bitrate_target=bitrate)
    console = Console(width=80)
    with console.capture() as captured:
        console.print(so_far(tally, 2, bitrate))
    (line,) = (line for line in captured.get().splitlines() if "bit rate" in line)
    assert told in line
