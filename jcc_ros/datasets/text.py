"""Text that people write: tables and pages."""

from pathlib import Path

from jcc_ros.datasets.images import DataError


def read_text(file: Path) -> str:
    """Return the text in a file, line ends as they are, without a byte order mark.

    Raises:
        DataError: names the file, and the line that is not in UTF-8.
        OSError: the file cannot be read.
    """
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}:{line}: not in UTF-8; save the file as UTF-8") from error
