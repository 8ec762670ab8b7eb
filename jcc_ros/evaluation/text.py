"""Words of others, made fit for terminals and files."""

import os
from pathlib import Path


def printable(text: str) -> str:
    """Return text with what is not printable written out, as `\\x1b`: terminals obey such bytes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def name_of(path: Path) -> str:
    """Return a path as text, with bytes that are none written out: names of files may be any."""
    return printable(os.fsencode(path).decode(errors="backslashreplace"))
