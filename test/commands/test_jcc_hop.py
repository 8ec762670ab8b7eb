"""`jcc hop`: images and labels between real processes over DDS, taken apart."""

import json

import pytest

pytest.importorskip("rclpy")

PARTS = ("", "_p95", "_write", "_arrive", "_take")


def test_ways_and_their_parts(jcc, tmp_path):
    file = tmp_path / "bench" / "hop.json"
    outcome = jcc("hop", "--turns", 1, "--images", 10, "--fps", 50, "--json", file)
    assert outcome.status == 0, outcome.err
    seconds = json.loads(file.read_text())
    # On a busy machine Fast DDS as it comes may lose nearly all images.
    kinds = ["shipped", "label"] + ["default"] * ("default_s" in seconds)
    ways = {f"{kind}{part}_s" for kind in kinds for part in PARTS}
    assert seconds.keys() == ways | {"serialise_s", "deserialise_s", "copy_s", "label_above_hop_s"}
    assert all(value > 0 for value in seconds.values()), seconds
    assert seconds["label_s"] > seconds["shipped_s"]
    for name in seconds:
        assert name in outcome.out
