"""What a process uses, from /proc."""

import os
from pathlib import Path
from typing import NamedTuple


class Use(NamedTuple):
    """Resident memory in bytes, open file descriptors, threads."""

    memory: int
    files: int
    threads: int


def use(pid: int | str = "self") -> Use:
    """Return what a process uses now."""
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    return Use(
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
        files=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
    )
