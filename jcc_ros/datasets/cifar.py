"""CIFAR-10 and CIFAR-100 as their authors give them out, in the binary version: no pickles.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009;
https://www.cs.toronto.edu/~kriz/cifar.html tells the layout and has the archives.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from jcc_ros.datasets.images import DataError, LabelledImages

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
# By the file of class names: files of each part, and the bytes before the pixels, of which the last
# one is the label (CIFAR-100's first one is a coarser label).
_LAYOUTS = {
    "batches.meta.txt": (
        {"train": [f"data_batch_{n}.bin" for n in range(1, 6)], "test": ["test_batch.bin"]},
        1,
    ),
    "fine_label_names.txt": ({"train": ["train.bin"], "test": ["test.bin"]}, 2),
}


def cifar(folder: Path, part: Literal["train", "test"]) -> LabelledImages:
    """Return a part of the data set whose unpacked archive is in a folder.

    Args:
        folder: cifar-10-batches-bin or cifar-100-binary.
    Raises:
        DataError: names what is missing or has another size.
    """
    found = [name for name in _LAYOUTS if (folder / name).is_file()]
    if not found:
        raise DataError(
            f"{folder}: has neither {' nor '.join(_LAYOUTS)}; expected the unpacked folder of "
            "cifar-10-binary.tar.gz or cifar-100-binary.tar.gz"
        )
    files, before = _LAYOUTS[found[0]]
    try:
        classes = tuple((folder / found[0]).read_text().split())
        content = b"".join((folder / name).read_bytes() for name in files[part])
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{folder}: {error}") from error
    if len(content) % (before + _PIXELS):
        raise DataError(f"{folder}: {', '.join(files[part])}: not a whole number of images")
    rows = np.frombuffer(content, np.uint8).reshape(-1, before + _PIXELS)
    images = rows[:, before:].reshape(-1, *_SHAPE).transpose(0, 2, 3, 1)
    labels = rows[:, before - 1].astype(np.int64)
    try:
        return LabelledImages(np.ascontiguousarray(images), labels, classes)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error
