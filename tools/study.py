#!/usr/bin/env python3
"""Runs rows of docs/results/rows.yaml, from training to JSON: DATA=FOLDER tools/study.py ROW...

FOLDER, absolute or seen from the repository's root, holds cifar10-train.npz, cifar10-test.npz and
the same of cifar100. A row that was interrupted goes on where it was.
"""

import os
import subprocess
import sys
from pathlib import Path

from study_rows import read_rows

ROOT = Path(__file__).resolve().parents[1]


def main(names: list[str]) -> int:
    _, rows = read_rows(ROOT / "docs" / "results" / "rows.yaml")
    commands = {row.name: row.command for row in rows}
    unknown = [name for name in names if name not in commands]
    if unknown or not names or "DATA" not in os.environ:
        print(f"{__doc__}\nRows: {' '.join(commands)}", file=sys.stderr)
        return 2
    # `jcc` is that of this interpreter's environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for name in names:
        command = ["sh", "-ec", commands[name]]
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
