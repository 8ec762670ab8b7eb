"""Sizes that image files declare, told only of whole files."""

import cv2
import numpy as np
import pytest

from jcc_ros.datasets.compressed_size import declared_size


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", []),
        (".png", []),
        (".webp", []),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),  # lossless
    ],
)
def test_a_file_without_its_end_is_refused(suffix, options):
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), np.uint8)
    file = cv2.imencode(suffix, image, options)[1].tobytes()
    assert declared_size(file) == (34, 21)
    for missing in (8, 200):
        with pytest.raises(ValueError, match=r"the end of the (JPEG|PNG|WebP) is missing"):
            declared_size(file[:-missing])
