"""The digits are real scans, split for good."""

import numpy as np
from sklearn.datasets import load_digits

from jcc_ros.datasets.digits import digits


def test_every_third_scan_is_held_out():
    train, test = digits("train"), digits("test")
    targets = load_digits().target
    assert (len(train), len(test)) == (1198, 599)
    np.testing.assert_array_equal(test.labels, targets[2::3])
    assert train.images.shape[1:] == (32, 32, 3)
    assert train.classes == tuple("0123456789")


def test_no_image_is_in_both_parts():
    train = {image.tobytes() for image in digits("train").images}
    assert not train & {image.tobytes() for image in digits("test").images}
