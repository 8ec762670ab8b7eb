"""Two classifiers that share the topics of many robots."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jcc_ros.nodes.shard import parse_shard


def test_every_topic_is_in_exactly_one_part() -> None:
    for count in (1, 2, 3, 7):
        shards = [parse_shard(f"{index}/{count}") for index in range(count)]
        for robot in range(100):
            topic = f"/robot{robot}/image_raw/latent"
            assert sum(topic in shard for shard in shards) == 1


def test_the_parts_are_of_about_the_same_size() -> None:
    topics = [f"/robot{robot}/image_raw/latent" for robot in range(1000)]
    for index in range(2):
        shard = parse_shard(f"{index}/2")
        assert 400 < sum(topic in shard for topic in topics) < 600


@pytest.mark.parametrize("text", ["", "1", "1/1", "2/2", "-1/2", "a/b", "0/0", "0/2/4", "0/99999"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="INDEX/COUNT"):
        parse_shard(text)


def test_two_classifiers_share_the_robots(tmp_path: Path) -> None:
    target = tmp_path / "swarm.json"
    command = [sys.executable, "-m", "jcc_ros.commands.cli", "swarm", "--json", target]
    options = ["--robots", "8", "--classifiers", "2", "--seconds", "3", "--fps", "3"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(target.read_text())
    assert row["robots_without_labels"] == 0
    # One label each: a few frames are on their way at the beginning and at the end.
    assert row["labelled"] == pytest.approx(row["sent"], abs=10)
    assert all(cores > 0 for cores in row["cores_of_each"])
