"""frames.csv is there when all of it is written."""

from pathlib import Path

import pytest

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.frames import Frame
from jcc_ros.evaluation.rows import open_rows


def test_half_of_a_table_is_not_left(tmp_path):
    with pytest.raises(KeyboardInterrupt), open_rows(tmp_path, Path("bag"), ["again"]) as rows:
        rows.write(Frame("/c", 1))
        raise KeyboardInterrupt
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_told_by_the_file(tmp_path):
    (tmp_path / "frames.csv").symlink_to("/dev/full")
    refused = pytest.raises(DataError, match=r"frames\.csv: cannot be written: No space left")
    with refused, open_rows(tmp_path, Path("bag"), ["again"]) as rows:
        rows.write(Frame("/c", 1))
