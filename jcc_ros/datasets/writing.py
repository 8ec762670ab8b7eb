"""Files that are there as a whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from jcc_ros.datasets.images import DataError


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yield another name to write to, of the same suffix; at the end that file becomes `file`.

    If anything goes wrong, Ctrl-C included, an earlier file stays as it was and no half of a new
    one is left. The folder is made if need be.

    Raises:
        DataError: names the file that cannot be written.
    """
    with _blaming(file):
        if file.exists() and not file.is_file():  # /dev/stdout, which nothing can replace
            yield file
            return
        # Whoever has write-protected a file does not want it replaced.
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        file.parent.mkdir(parents=True, exist_ok=True)
        target = file.resolve()  # a link goes on to be one
        partial = target.with_name(f".{target.stem}.partial{target.suffix}")
        try:
            yield partial
            os.replace(partial, target)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise


def write_whole(file: Path, content: bytes) -> None:
    """Write a file: a reader sees the old one or the new one, never a part of it.

    Raises:
        DataError: names the file that cannot be written.
    """
    with replacing(file) as partial:
        partial.write_bytes(content)


def check_writable(file: Path) -> None:
    """Find out whether a file can be written, before time is spent on what goes into it.

    Raises:
        DataError: names the file that cannot be written.
    """
    with _blaming(file):
        if file.exists():
            file.open("ab").close()
            return
        folder = next(folder for folder in file.absolute().parents if folder.exists())
        TemporaryFile(dir=folder).close()


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{file}: cannot be written: {error.strerror or error}") from error
