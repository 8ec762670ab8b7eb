"""What goes through JPEG or WebP comes back about as it was."""

import numpy as np
import pytest

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.lossy import NAMES, decode, encode


@pytest.mark.parametrize("name", NAMES)
def test_the_better_the_quality_the_larger_the_file_and_the_smaller_the_error(name):
    image = digits("test").images[0].copy()
    image[..., 0] //= 2  # so that colours that change places are noticed
    files = [encode(name, image, quality) for quality in (5, 50, 95)]
    errors = [float(np.abs(decode(file).astype(int) - image).mean()) for file in files]
    assert sorted({len(file) for file in files}) == [len(file) for file in files]
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 8
