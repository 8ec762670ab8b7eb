"""JPEG and WebP, as OpenCV writes and reads them."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_FORMATS = {
    "JPEG": (".jpg", cv2.IMWRITE_JPEG_QUALITY),
    "WebP": (".webp", cv2.IMWRITE_WEBP_QUALITY),
}
NAMES = tuple(_FORMATS)


def encode(name: str, image: NDArray[np.uint8], quality: int) -> bytes:
    """Return the file of an RGB image [H, W, 3].

    Args:
        name: one of NAMES.
        quality: 1 to 100, as OpenCV counts.
    """
    suffix, option = _FORMATS[name]
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, bgr, [option, quality])[1].tobytes()


def decode(file: bytes) -> NDArray[np.uint8]:
    """Return the RGB image [H, W, 3] of a file that `encode` wrote."""
    bgr: Any = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
