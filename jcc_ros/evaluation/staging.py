"""New reports replace an earlier one only when they are whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import move
from tempfile import TemporaryDirectory

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.result_files import clear


class Staging:
    """A folder that reports are written to, and the one that they are published in.

    Attributes:
        folder: to write to; laid out like the one that they are published in.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self.folder, self._out = folder, out
        self._cleared = False

    def publish(self, report: Path) -> Path:
        """Move the files of a whole report to their place and return it.

        The first report removes those of an earlier run, so that nothing old stands beside it.

        Args:
            report: `folder` or a folder within it.
        Raises:
            OSError: names the file that cannot be written.
        """
        if not self._cleared:
            clear(self._out)
            self._cleared = True
        target = self._out / report.relative_to(self.folder)
        target.mkdir(parents=True, exist_ok=True)
        for file in report.iterdir():
            if file.is_file():
                move(file, target / file.name)
        return target


@contextmanager
def staging(out: Path) -> Iterator[Staging]:
    """Let reports be written; at the end, Ctrl-C included, nothing unpublished is left.

    Args:
        out: folder that they are published in; it is made for the first one.
    Raises:
        DataError: nothing can be written there.
    """
    there = out.absolute()
    # On the same file system, so that moving is quick and does not fail halfway.
    parent = next(folder for folder in (there, *there.parents) if folder.exists())
    try:
        temporary = TemporaryDirectory(
            prefix=".", suffix=".partial", dir=parent, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror}") from error
    with temporary as folder:
        yield Staging(Path(folder), out)
