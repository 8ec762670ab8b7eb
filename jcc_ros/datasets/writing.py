"""Files that are there as a whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from jcc_ros.datasets.images import DataError


@contextmanager
def replacing(file: Path, lasting: bool = False) -> Iterator[Path]:
    """Yield another name to write to, of the same suffix; at the end that file becomes `file`.

    If anything goes wrong, Ctrl-C included, an earlier file stays as it was and no half of a new
    one is left. The folder is made if need be.

    Args:
        lasting: even a power cut leaves the old file or the new one, which takes a disk some time.
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
            if lasting:
                _sync(partial)
            os.replace(partial, target)
            if lasting:
                with suppress(OSError):  # not every file system can do that
                    _sync(target.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise


@contextmanager
def replacing_together(folder: Path) -> Iterator[Path]:
    """Yield another folder to write files to; at the end they become those of `folder`, lasting.

    If anything goes wrong while they are written, all of the earlier files stay as they were. The
    folder is made if need be.

    Raises:
        DataError: names the file or the folder that cannot be written.
    """
    with _blaming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", suffix=".partial", dir=folder) as partial:
            yield Path(partial)
            with ExitStack() as stack:
                for file in sorted(Path(partial).iterdir()):
                    shutil.move(file, stack.enter_context(replacing(folder / file.name, True)))


def write_whole(file: Path, content: bytes, lasting: bool = False) -> None:
    """Write a file: a reader sees the old one or the new one, never a part of it.

    Args:
        lasting: as for `replacing`.
    Raises:
        DataError: names the file that cannot be written.
    """
    with replacing(file, lasting) as partial:
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


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{file}: cannot be written: {error.strerror or error}") from error
