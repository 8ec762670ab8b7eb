"""Labelled images on disk: an .npz, or a folder with one sub-folder a class."""

import logging
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jcc_ros.datasets.compressed_size import declared_size
from jcc_ros.datasets.images import DataError, LabelledImages, Resize, counted, listed
from jcc_ros.datasets.writing import replacing, write_whole

_WITH_END = (".png", ".jpg", ".jpeg", ".webp")
SUFFIXES = (*_WITH_END, ".bmp", ".ppm", ".tif", ".tiff")

_LONGEST_NAME = 255  # bytes, of a folder
# Every channel, turned as EXIF says, which IMREAD_UNCHANGED does not do.
_TURNED = cv2.IMREAD_COLOR | cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
_DIM = 1 << 12  # of 16 bits: images with no value as high may be those of a 12-bit camera

_ZIP = b"PK\x03\x04"  # what an .npz begins with

# What numpy raises on files that are no archive, damaged, or hold something else.
_UNREADABLE = (AttributeError, EOFError, KeyError, MemoryError, OSError, TypeError, ValueError)

_log = logging.getLogger(__name__)

# What OpenCV prints of a damaged file, it does not say of which; the errors here do.
with suppress(AttributeError):  # of an older OpenCV
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def load(source: Path, resize: Resize, threads: int | None = None) -> LabelledImages:
    """Read an .npz (images, labels, classes) or a folder CLASS/IMAGE, classes in sorted order.

    Files of a folder that are no readable images are left out; a warning names each. Others name
    the sub-folders with no files, which are no classes, and count the images that lie beside or
    below CLASS/IMAGE, and those of 16 bits that come out nearly black.

    Args:
        resize: brings an RGB image [H, W, 3] to the size that the model works on.
        threads: that read a folder's images; None for some more than there are CPUs.
    Raises:
        DataError: names the file and what is wrong with it.
    """
    if source.is_dir():
        return _load_folder(source, resize, threads)
    if not source.is_file():
        raise DataError(f"{source}: no such file or folder")
    return _load_npz(source, resize)


def save_folder(data: LabelledImages, target: Path) -> None:
    """Write one PNG an image as CLASS/INDEX.png; what `load` reads back.

    Raises:
        DataError: a class whose name is no folder's, or a file that cannot be written.
    """
    for index, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        save_image(image, class_folder(target, data.classes[label]) / f"{index:06d}.png")


def class_folder(target: Path, name: str) -> Path:
    """Return the folder of a class's images.

    Raises:
        DataError: a name that is no folder's.
    """
    separated = "/" in name or "\\" in name
    if not name or name.startswith(".") or separated or len(name.encode()) > _LONGEST_NAME:
        raise DataError(
            f"class {name!r}: not a valid name for the folder of its images; a name has 1 to "
            f"{_LONGEST_NAME} bytes, no / or \\, and no leading dot"
        )
    return target / name


def save_image(image: NDArray[np.uint8], file: Path) -> None:
    """Write RGB [H, W, 3], in the format that the suffix names, and make the folder if need be.

    Raises:
        DataError: names the file that cannot be written, or whose format cannot hold the image.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise DataError(f"{file}: cannot write this format, only {', '.join(SUFFIXES)}")
    # Not imwrite: on a full disk it reports success.
    done, encoded = cv2.imencode(file.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        height, width, _ = image.shape
        raise DataError(f"{file}: this format cannot hold {width} x {height} pixels")
    write_whole(file, encoded.tobytes())


def save_npz(data: LabelledImages, target: Path) -> None:
    """Write images, labels and classes as one .npz; what `load` reads back.

    Raises:
        DataError: names the file that cannot be written.
    """
    names = np.array(data.classes)
    with replacing(target) as partial, partial.open("wb") as file:
        np.savez(file, images=data.images, labels=data.labels, classes=names)


def read_image(file: Path) -> NDArray[np.uint8]:
    """Return an image file as uint8 RGB [H, W, 3]; what is transparent is on black.

    But for a grey PNG that has no mask, only a level that is transparent: OpenCV passes over it.

    Raises:
        DataError: the file is no image, or not all of one.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise DataError(f"{file}: cannot read this format, only {', '.join(SUFFIXES)}")
    try:
        # Not imread: it does not survive a name that is no UTF-8.
        data = file.read_bytes()
        if file.suffix.lower() in _WITH_END:
            declared_size(data)  # OpenCV fills the rest of a file that was cut off with grey
        image = _decoded(data) if data else None
    except cv2.error as error:
        raise DataError(f"{file}: {error.err}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: {error}") from error
    if image is None:
        raise DataError(f"{file}: not a readable image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _decoded(data: bytes) -> Any:
    """Return the pixels of an image file, BGR; None if it is none."""
    encoded = np.frombuffer(data, np.uint8)
    if data.startswith((b"\x89PNG", b"RIFF")):
        image: Any = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
        if image is not None and image.ndim == 3 and image.shape[2] == 4:
            turned: Any = cv2.imdecode(encoded, _TURNED)
            if turned.shape[2] == 4:  # before 4.11, OpenCV leaves the transparency out
                image = turned
            full = np.iinfo(image.dtype).max
            share = image[..., 3:].astype(np.float32) / full
            return np.rint(image[..., :3] * share * (255 / full)).astype(np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def _load_npz(file: Path, resize: Resize) -> LabelledImages:
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_ZIP))
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
    if not zipfile.is_zipfile(file):
        if start == _ZIP:
            raise DataError(f"{file}: damaged, its end is missing; copy it or make it anew")
        raise DataError(
            f"{file}: neither an .npz with images, labels and classes nor a folder CLASS/IMAGE"
        )
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images, labels, classes = (arrays[key] for key in ("images", "labels", "classes"))
        if classes.ndim != 1:
            raise ValueError(f"classes has shape {classes.shape}, so it is not a list of names")
        names = tuple(classes.astype(str).tolist())
        indices = labels.astype(np.int64, casting="same_kind")
    except (*_UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{file}: {error}; expected an .npz with images, labels and classes"
        ) from error
    try:
        return LabelledImages(images, indices, names).resized(resize)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def _load_folder(folder: Path, resize: Resize, threads: int | None) -> LabelledImages:
    # A robot's camera node imports this module, and has no tqdm.
    from tqdm import tqdm

    children = sorted(child for child in folder.iterdir() if child.is_dir())
    visible = [child for child in children if not child.name.startswith(".")]
    empty = [child.name for child in visible if _is_empty(child)]
    classes = tuple(child.name for child in visible if child.name not in empty)
    files = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((folder / name).iterdir())
        if not (file.name.startswith(".") or file.is_dir())
    ]
    dim: set[Path] = set()

    def read(file: Path) -> NDArray[np.uint8] | DataError:
        try:
            image = read_image(file)
            if _is_dim(file, image):
                dim.add(file)
            return resize(image)
        except DataError as error:
            return error

    images, labels, names = [], [], []
    # OpenCV lets other threads run while it decodes.
    with ThreadPoolExecutor(threads) as pool:
        read_files = pool.map(read, (file for file, _ in files))
        shown = tqdm(read_files, "read", len(files), unit="image", leave=False, disable=None)
        for (file, label), image in zip(files, shown, strict=True):
            if isinstance(image, DataError):
                _log.warning("skipped %s", image)
                continue
            images.append(image)
            labels.append(label)
            names.append(str(file.relative_to(folder)))
    if len(images) < len(files):
        _log.warning("skipped %d of %d files", len(files) - len(images), len(files))
    if not images:
        deeper = (file for file in folder.glob("*/*/*") if file.suffix.lower() in SUFFIXES)
        hint = "".join(f"; did you mean {file.parents[1]}?" for file in islice(deeper, 1))
        raise DataError(f"{folder}: no images in CLASS/IMAGE layout ({', '.join(SUFFIXES)}){hint}")
    if empty:
        _log.warning("%s: ignored folders without files: %s", folder, listed(empty))
    if dim:
        _log.warning(
            "nearly black: %s of 16 bits with no value above %d of 65535, such as %s; multiply the "
            "values of a 12-bit camera by 16",
            *(counted(len(dim), "image"), _DIM - 1, min(dim)),
        )
    if elsewhere := list(_elsewhere(folder, classes)):
        _log.warning(
            "left out %d images that are not in CLASS/IMAGE layout, such as %s",
            *(len(elsewhere), elsewhere[0]),
        )
    return LabelledImages(np.stack(images), np.array(labels, np.int64), classes, tuple(names))


def _is_dim(file: Path, image: NDArray[np.uint8]) -> bool:
    """Whether an image file has 16 bits a value, but no value that needs more than 12.

    Args:
        image: what was read of it, RGB [H, W, 3].
    """
    if image.max() > _DIM >> 8:
        return False
    encoded = np.frombuffer(file.read_bytes(), np.uint8)
    whole: Any = cv2.imdecode(encoded, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    return whole.dtype == np.uint16 and 0 < whole.max() < _DIM


def _is_empty(folder: Path) -> bool:
    """Whether there is no file in a folder, nor anywhere below it, but hidden ones."""
    files = (file for file in folder.rglob("*") if not file.is_dir())
    return all(_is_hidden(file.relative_to(folder)) for file in files)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _elsewhere(folder: Path, classes: Sequence[str]) -> Iterator[Path]:
    """Yield the images beside the folders of classes, and those in folders within them."""
    within = (child for name in classes for child in (folder / name).iterdir() if child.is_dir())
    deeper = (file for child in within for file in child.rglob("*"))
    for file in (*folder.iterdir(), *deeper):
        hidden = _is_hidden(file.relative_to(folder))
        if file.suffix.lower() in SUFFIXES and not hidden and file.is_file():
            yield file
