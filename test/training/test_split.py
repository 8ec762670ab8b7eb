"""The split keeps a share of every class, and is written down."""

import numpy as np
import pytest

from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.training.split import split, write_split


def test_split_is_stratified_disjoint_and_whole(uneven):
    learnt, held = split(uneven, 0.1)
    np.testing.assert_array_equal(np.bincount(uneven.labels[held]), [20, 10, 2])
    assert sorted([*learnt, *held]) == list(range(len(uneven)))


@pytest.mark.parametrize("validation", [0.01, 0.99])
def test_something_is_left_for_either_part(uneven, validation):
    for part in split(uneven, validation):
        assert np.bincount(uneven.labels[part], minlength=3).min() >= 1


def test_the_same_images_are_held_out_whenever_asked(uneven):
    np.testing.assert_array_equal(split(uneven, 0.1)[1], split(uneven, 0.1)[1])


def test_too_few_images_are_refused_by_class(uneven):
    with pytest.raises(DataError, match="too few images: 'few' has 9; training needs at least 10"):
        split(uneven.subset(np.arange(309)), 0.1)
    none = LabelledImages(uneven.images, uneven.labels, (*uneven.classes, "none"))
    with pytest.raises(DataError, match="too few images: 'none' has 0"):
        split(none, 0.1)


def test_one_class_is_refused(uneven):
    alone = LabelledImages(uneven.images, np.zeros(320, np.int64), ("all",))
    with pytest.raises(DataError, match="one class, 'all'"):
        split(alone, 0.1)


def test_validation_is_written_by_file_or_by_index(uneven, tmp_path):
    write_split(uneven, np.array([3, 7]), tmp_path / "run")
    assert (tmp_path / "run" / "validation.txt").read_text() == "3\n7\n"
    files = tuple(f"few/{index}.jpg" for index in range(320))
    named = LabelledImages(uneven.images, uneven.labels, uneven.classes, files)
    write_split(named, np.array([3, 7]), tmp_path / "run")
    assert (tmp_path / "run" / "validation.txt").read_text() == "few/3.jpg\nfew/7.jpg\n"
