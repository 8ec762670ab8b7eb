"""Scores that tell how often they are right."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from jcc_ros.evaluation.reliability import Reliability
from jcc_ros.networks.classifier import deploy, frozen
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.model import load_model
from jcc_ros.training import confidence
from jcc_ros.training.confidence import fit_temperature, settle


@pytest.fixture
def honest() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose softmax is how often each class is the label."""
    torch.manual_seed(0)
    logits = 2 * torch.randn(4000, 5)
    return logits, torch.multinomial(logits.softmax(dim=1), 1)[:, 0]


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.5, 4.0])
def test_what_made_the_scores_wrong_is_found(honest, factor):
    logits, labels = honest
    temperature, loss = fit_temperature(factor * logits, labels)
    assert temperature == pytest.approx(factor, rel=0.05)
    assert loss == pytest.approx(float(cross_entropy(logits, labels)), rel=0.01)


@pytest.mark.parametrize("factor", [0.01, 0.3, 4.0, 100.0])
def test_no_other_temperature_is_better_and_few_are_tried(honest, factor, monkeypatch):
    logits, labels = 5 * factor * honest[0], honest[1]
    smoothing = 5 / 4 / (len(labels) + 2)

    def loss(temperature: float) -> float:
        return float(
            cross_entropy(logits.double() / temperature, labels, label_smoothing=smoothing)
        )

    counted = Mock(side_effect=cross_entropy)
    monkeypatch.setattr(confidence, "cross_entropy", counted)
    best, least = fit_temperature(logits, labels)
    assert counted.call_count < 25
    assert least == loss(best) == min(map(loss, confidence._TEMPERATURES))


@pytest.mark.parametrize("count", [10, 50, 1000])
def test_a_few_images_all_right_do_not_make_scores_of_one(count):
    labels = torch.arange(count) % 5
    logits = torch.nn.functional.one_hot(labels, 5).float()
    temperature, _ = fit_temperature(logits, labels)
    score = float((logits / temperature).softmax(dim=1).max())
    assert score == pytest.approx(1 - 1 / (count + 2), abs=0.05 / count)


def test_a_classifier_that_is_too_sure_is_settled(tiny_model, few_digits):
    robot, host = load_model(tiny_model)
    classifier, latents = frozen(host.network), encode(robot, few_digits.images)
    with torch.no_grad():
        classifier.head.weight.mul_(20)
        classifier.head.bias.mul_(20)
    codec = settle(classifier, robot.codec, latents, few_digits.labels)
    assert codec.model_id == robot.codec.model_id
    sure = replace(host, network=deploy(classifier), codec=codec)
    for index, point in enumerate(codec.ladder):
        received = codec.received(latents, index)
        before, after = sure.network(received), sure.scores(received, index)
        assert point.temperature > 2
        assert error(after, few_digits.labels) < error(before, few_digits.labels) / 2
        np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
        right = after.argmax(axis=1) == few_digits.labels
        assert point.accuracy == pytest.approx(right.mean(), abs=0.005)


def encode(robot: EncoderModel, images: np.ndarray) -> np.ndarray:
    return np.stack([robot.latent(image) for image in images])


def error(scores: np.ndarray, labels: np.ndarray) -> float | None:
    reliability = Reliability()
    right = scores.argmax(axis=1) == labels
    for score, correct in zip(scores.max(axis=1).tolist(), right.tolist(), strict=True):
        reliability.add(score, correct)
    return reliability.error
