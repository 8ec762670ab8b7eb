"""Labelled images in memory."""

import numpy as np
import pytest

from jcc_ros.datasets.images import DataError, LabelledImages, counted


def test_labels_are_matched_by_name():
    images = np.zeros((3, 8, 8, 3), np.uint8)
    data = LabelledImages(images, np.array([0, 1, 1]), ("dog", "ant"), ("a", "b", "c"))
    matched = data.matched(("ant", "bee", "dog"))
    assert matched.labels.tolist() == [2, 0, 0]
    assert matched.classes == ("ant", "bee", "dog")
    assert matched.files == data.files


def test_unknown_class_names_are_told():
    data = LabelledImages(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1]), ("dog", "Ant"))
    with pytest.raises(DataError, match=r"the classes 'Ant' .*only the model knows: 'ant', 'bee'"):
        data.matched(("ant", "bee", "dog"))


def test_an_unknown_class_without_images_does_not_matter():
    data = LabelledImages(
        np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 2]), ("dog", "thumbnails", "ant")
    )
    assert data.matched(("ant", "bee", "dog")).labels.tolist() == [2, 0]


def test_the_digest_depends_on_pixels_and_on_labels():
    images, labels = np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1])
    data = LabelledImages(images, labels, ("ant", "bee"))
    other = images.copy()
    other[1, 2, 3, 0] = 1
    assert LabelledImages(images.copy(), labels.copy(), ("ant", "bee")).sha256 == data.sha256
    assert LabelledImages(other, labels, ("ant", "bee")).sha256 != data.sha256
    assert LabelledImages(images, labels[::-1].copy(), ("ant", "bee")).sha256 != data.sha256


def test_counts_are_told_in_words():
    told = [counted(n, noun) for noun in ("class", "image") for n in (0, 1, 2)]
    assert told == ["0 classes", "1 class", "2 classes", "0 images", "1 image", "2 images"]
