"""Files come whole and, where they belong together, all at once."""

import os
from pathlib import Path

import pytest

from jcc_ros.datasets.images import DataError
from jcc_ros.datasets.writing import replacing_together, write_whole


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_files_are_replaced_together(tmp_path):
    folder = tmp_path / "new" / "model"
    for text in ("old", "new"):
        with replacing_together(folder) as partial:
            for name in ("a", "b"):
                (partial / name).write_text(text)
                assert (folder / name).exists() == (text == "new")
    assert contents(folder) == {"a": "new", "b": "new"}


def test_what_goes_wrong_between_two_files_leaves_both(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing_together(tmp_path) as partial:
        (partial / "a").write_text("new")
        raise KeyboardInterrupt
    assert contents(tmp_path) == {"a": "old", "b": "old"}


def test_a_file_that_may_not_be_replaced_keeps_the_others(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(os, "access", lambda file, _: file.name != "b")
    with (
        pytest.raises(DataError, match="b: cannot be written"),
        replacing_together(tmp_path) as partial,
    ):
        for name in ("a", "b"):
            (partial / name).write_text("new")
    assert contents(tmp_path) == {"a": "old", "b": "old"}


def test_a_link_goes_on_to_be_one(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a").write_text("old")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a").symlink_to(tmp_path / "store" / "a")
    with replacing_together(tmp_path / "model") as partial:
        (partial / "a").write_text("new")
    assert (tmp_path / "model" / "a").is_symlink()
    assert contents(tmp_path / "store") == {"a": "new"}


def test_what_lasts_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    sync, replace = os.fsync, os.replace

    def synced(opened: int) -> None:
        order.append(f"sync {Path(f'/proc/self/fd/{opened}').resolve().name}")
        sync(opened)

    def replaced(before: Path, after: Path) -> None:
        order.append(f"rename {before.name} {after.name}")
        replace(before, after)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_whole(tmp_path / "a.x", b"any", lasting=True)
    assert order == ["sync .a.partial.x", "rename .a.partial.x a.x", f"sync {tmp_path.name}"]
    order.clear()
    write_whole(tmp_path / "a.x", b"any")
    assert order == ["rename .a.partial.x a.x"]


def test_a_folder_that_cannot_be_synced_will_do(tmp_path, monkeypatch):
    sync = os.fsync

    def synced(opened: int) -> None:
        if Path(f"/proc/self/fd/{opened}").resolve().is_dir():
            raise OSError(22, "Invalid argument")
        sync(opened)

    monkeypatch.setattr(os, "fsync", synced)
    write_whole(tmp_path / "a", b"any", lasting=True)
    assert contents(tmp_path) == {"a": "any"}
