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


def test_tensorboard_in_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "tensorboard").write_text("in the way")
    board = re.escape(str(tmp_path / "tensorboard" / "finetune"))
    with pytest.raises(DataError, match=rf"{board}: cannot be written: .*--resume"):
        Log(tmp_path).add("finetune", epoch=1, loss=0.5)
