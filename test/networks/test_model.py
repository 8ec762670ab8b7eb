"""The halves as the nodes use them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
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
    scores = classifier.scores(received[None], 2)
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
    scores = classifier.scores(latents, [0, 1, 2, 1, 0])
    assert scores.shape == (5, 4)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    one_by_one = np.concatenate(
        [
            classifier.scores(latent[None], point)
            for latent, point in zip(latents, [0, 1, 2, 1, 0], strict=True)
        ]
    )
    np.testing.assert_allclose(one_by_one, scores, rtol=1e-4)


def test_scores_of_nothing(halves: Halves) -> None:
    _, classifier = halves
    nothing = np.zeros((0, *classifier.codec.ladder.shape), np.float32)
    assert classifier.scores(nothing, []).shape == (0, 4)


def test_scores_are_the_softmax_of_logits_divided_by_the_points_temperature(
    halves: Halves, rng: np.random.Generator
) -> None:
    _, classifier = halves
    latents = rng.normal(0, 1, (5, *classifier.codec.ladder.shape)).astype(np.float32)
    logits = np.log(classifier.network(latents))
    for index, point in enumerate(classifier.codec.ladder):
        expected = np.exp(logits / point.temperature)
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(classifier.scores(latents, index), expected, rtol=1e-4)
    assert len(set(classifier.codec.ladder.temperatures)) == len(classifier.codec.ladder)


def test_a_score_of_zero_stays_one(halves: Halves) -> None:
    _, classifier = halves
    scores = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0]], np.float32)
    np.testing.assert_array_equal(classifier.tempered(scores, 0), scores)


@pytest.mark.parametrize("temperature", [0.01, 100.0])
def test_the_most_extreme_temperatures_give_probabilities(
    halves: Halves, temperature: float
) -> None:
    _, classifier = halves
    ladder = classifier.codec.ladder
    points = [replace(point, temperature=temperature) for point in ladder]
    extreme = replace(classifier, codec=LatentCodec(Ladder(ladder.shape, points)))
    scores = extreme.tempered(np.array([[0.3, 0.25, 0.25, 0.2]], np.float32), 0)
    assert scores.sum() == pytest.approx(1)
    assert scores.argmax() == 0
