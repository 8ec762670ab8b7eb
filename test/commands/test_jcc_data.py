"""`jcc data`: images that the other commands read."""

import numpy as np
import pytest

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import load
from jcc_ros.networks.preprocess import Preprocess


@pytest.mark.parametrize("part", ["train", "test"])
def test_digits_as_npz(jcc, tmp_path, part):
    outcome = jcc("data", "digits", tmp_path / "out.npz", "--part", part)
    assert outcome.status == 0, outcome.err
    written, expected = load(tmp_path / "out.npz", Preprocess(height=32, width=32)), digits(part)
    np.testing.assert_array_equal(written.images, expected.images)
    np.testing.assert_array_equal(written.labels, expected.labels)


def test_digits_as_folder(jcc, refused, tmp_path):
    words = ["data", "digits", tmp_path / "out", "--part", "test"]
    assert jcc(*words).status == 0
    assert sorted(folder.name for folder in (tmp_path / "out").iterdir()) == list("0123456789")
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 599
    assert "not empty" in refused(*words)
