"""The halves as the nodes use them."""

import warnings

import numpy as np
import pytest

from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel

Halves = tuple[EncoderModel, ClassifierModel]


def test_an_image_becomes_a_label_through_bytes(halves: Halves, rng: np.random.Generator) -> None:
    encoder, classifier = halves
    image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    latent = encoder.latent(image)
    assert latent.dtype == np.float32
    assert latent.shape == encoder.codec.ladder.shape
    received = classifier.codec.decode(encoder.codec.encode(latent, 2))
    scores = classifier.scores(received[None])
    assert scores.shape == (1, len(classifier.classes))
    assert scores.sum() == pytest.approx(1)


@pytest.mark.parametrize("size", [(16, 24), (20, 24), (40, 60)])
def test_takes_read_only_images_as_messages_hold_them(halves: Halves, size: tuple) -> None:
    pixels = bytes(range(256)) * 30
    image = np.frombuffer(pixels, np.uint8, size[0] * size[1] * 3).reshape(*size, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        latent = halves[0].latent(image)
        mirrored = halves[0].latent(image[:, ::-1])
    np.testing.assert_array_equal(latent, halves[0].latent(image.copy()))
    np.testing.assert_array_equal(mirrored, halves[0].latent(image[:, ::-1].copy()))


def test_scores_are_rows_of_probabilities(halves: Halves, rng: np.random.Generator) -> None:
    _, classifier = halves
    latents = rng.normal(0, 1, (5, *classifier.codec.ladder.shape)).astype(np.float32)
    scores = classifier.scores(latents)
    assert scores.shape == (5, 4)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    one_by_one = np.concatenate([classifier.scores(latent[None]) for latent in latents])
    np.testing.assert_allclose(one_by_one, scores, rtol=1e-4)


def test_scores_of_nothing(halves: Halves) -> None:
    _, classifier = halves
    nothing = np.zeros((0, *classifier.codec.ladder.shape), np.float32)
    assert classifier.scores(nothing).shape == (0, 4)
