"""Gives back shared memory of Fast DDS that killed processes left behind.

Every participant owns a segment, of 34 MB with config/fastrtps.xml, and locks a file beside it for
as long as it lives. After SIGKILL or a crash both stay; nothing in Fast DDS removes them but the
command `fastdds shm clean`, which few run. The kernel drops the lock with the process, whatever
ended it, so that who gets it knows the owner to be gone. Files of ports stay: they are small, and
used again.
"""

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

_LOCK = re.compile(r"(fast(?:rtps|dds)_[0-9a-f]{16})_el")  # its name since Fast DDS 3: fastdds
# A process makes the file first and locks it then.
_SETTLED = 10.0  # s


def remove_orphans(folder: Path = Path("/dev/shm")) -> int:
    """Remove the segments whose owners are gone, as far as this user may; return how many."""
    if not folder.is_dir():
        return 0
    return sum(_remove(folder / lock.group(1), folder / lock.group()) for lock in _locks(folder))


def _locks(folder: Path) -> list[re.Match[str]]:
    return [found for name in os.listdir(folder) if (found := _LOCK.fullmatch(name))]


def _remove(segment: Path, lock: Path) -> bool:
    # OSError: gone meanwhile, in use, or another user's.
    with suppress(OSError), lock.open("rb") as file:
        if time.time() - os.fstat(file.fileno()).st_mtime < _SETTLED:
            return False
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        segment.unlink(missing_ok=True)
        lock.unlink()
        return True
    return False
