"""What a training writes down, where it cannot be written."""

import re

import pytest

from jcc_ros.datasets.images import DataError
from jcc_ros.training.log import LOG_FILE, Log


def full_disk(file) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to("/dev/full")


def test_a_full_disk_under_the_log_is_told(tmp_path):
    full_disk(tmp_path / LOG_FILE)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / LOG_FILE}: cannot be written")):
        Log(tmp_path).add("finetune", epoch=1, loss=0.5)


def test_a_full_disk_under_tensorboard_is_told_once(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("time.time_ns", lambda: 1)
    log = Log(tmp_path)
    log.add("teach", epoch=1, loss=0.5)
    (board,) = tmp_path.glob("tensorboard/teach/events.out.tfevents.*")
    full_disk(tmp_path / "tensorboard" / "finetune" / board.name)
    with pytest.raises(DataError, match=r"tfevents.*: cannot be written: No space left.*--resume"):
        log.add("finetune", epoch=1, loss=0.5)
    assert capfd.readouterr().err == ""
