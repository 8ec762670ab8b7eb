"""What killed nodes leave in shared memory goes when the next node starts; all else stays."""

import fcntl
import os
import signal
from pathlib import Path

import pytest
from harness import DIGITS, Fleet, Probe

from jcc_ros.nodes.shared_memory import remove_orphans

LOCK = "fastrtps_0123456789abcdef_el"


@pytest.fixture
def orphan(tmp_path: Path) -> Path:
    """A folder with a segment and its lock, a minute old, that nobody holds."""
    for name in (LOCK, LOCK.removesuffix("_el")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_removes_a_segment_whose_owner_is_gone(orphan: Path) -> None:
    assert remove_orphans(orphan) == 1
    assert names(orphan) == set()
    assert remove_orphans(orphan) == 0


def test_a_segment_without_its_file_loses_the_lock(orphan: Path) -> None:
    (orphan / LOCK.removesuffix("_el")).unlink()
    assert remove_orphans(orphan) == 1
    assert names(orphan) == set()


def test_leaves_what_somebody_holds(orphan: Path) -> None:
    with (orphan / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove_orphans(orphan) == 0
    assert len(names(orphan)) == 2


def test_leaves_what_was_made_a_moment_ago(orphan: Path) -> None:
    os.utime(orphan / LOCK)
    assert remove_orphans(orphan) == 0
    assert len(names(orphan)) == 2


@pytest.mark.parametrize(
    "name",
    ["fastrtps_port7412_el", "fastrtps_0123_el", "other_0123456789abcdef_el", f"{LOCK}x", "_el"],
)
def test_leaves_files_of_other_names(orphan: Path, name: str) -> None:
    (orphan / LOCK).rename(orphan / name)
    assert remove_orphans(orphan) == 0
    assert len(names(orphan)) == 2


def test_does_without_shared_memory(tmp_path: Path) -> None:
    assert remove_orphans(tmp_path / "nowhere") == 0


def test_the_next_node_removes_what_a_killed_one_left(fleet: Fleet, probe: Probe) -> None:
    killed = fleet.start("encoder", "/killed", model=DIGITS)
    spared = fleet.start("classifier", "/spared", models=[str(DIGITS)])
    killed.logged("operating points")
    spared.logged("10 classes")
    left, held = killed.segments(), spared.segments()
    if not left:
        pytest.skip("this middleware uses no shared memory here")
    killed.send(signal.SIGKILL)
    killed.wait()
    assert all(lock.exists() for lock in left)
    for lock in left | held:
        os.utime(lock, (0, 0))

    fleet.start("encoder", "/next", model=DIGITS).logged("operating points")
    assert not any(lock.exists() or segment(lock).exists() for lock in left)
    assert all(lock.exists() and segment(lock).exists() for lock in held)
    assert spared.running()


def segment(lock: Path) -> Path:
    return lock.with_name(lock.name.removesuffix("_el"))
