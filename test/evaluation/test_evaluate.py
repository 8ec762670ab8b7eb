"""Figures come from real bytes, and agree with what theory and a slower way give."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jcc_ros.codec.packet import split
from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.evaluation.evaluate import Evaluation, evaluate
from jcc_ros.evaluation.shares import interval
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import ModelFileError

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def halves(tiny_model) -> tuple[EncoderModel, ClassifierModel]:
    return load_model(tiny_model)


@pytest.fixture(scope="module")
def data() -> LabelledImages:
    return digits("test").sample(150, seed=0)


@pytest.fixture(scope="module")
def result(halves, data) -> Evaluation:
    return evaluate(*halves, data)


def test_every_point_is_measured(halves, data, result):
    encoder, _ = halves
    assert (result.model, result.model_id) == ("tiny", encoder.codec.model_id)
    assert result.images == len(data)
    points = [(point.step, point.prefix) for point in result.points]
    assert points == [(point.step, point.prefix) for point in encoder.codec.ladder]


def test_figures_equal_those_of_one_image_after_the_other(halves, data, result):
    encoder, classifier = halves
    for index, point in enumerate(result.points):
        bits, correct, surest = [], 0, []
        for image, label in zip(data.images, data.labels, strict=True):
            wire = encoder.codec.encode(encoder.latent(image), index).to_bytes()
            bits.append(8 * (len(wire) - 6))
            latent = classifier.codec.decode(next(split(wire)))
            scores = classifier.scores(latent[None], index)
            correct += int(scores.argmax()) == label
            surest.append(float(scores.max()))
        assert point.bits_mean == pytest.approx(np.mean(bits))
        assert [point.bits_p05, point.bits_p95] == list(np.percentile(bits, (5, 95)))
        # Another batch size may tip a near tie.
        assert point.accuracy == pytest.approx(correct / len(data), abs=0.01)
        assert point.accuracy_95 == interval(round(point.accuracy * len(data)), len(data))
        # What all bins together are off is the least that they can be off in the mean.
        off = abs(np.mean(surest) - correct / len(data))
        assert off - 0.01 < point.expected_calibration_error < 0.5


def test_unquantised_accuracy_is_that_of_the_two_networks_alone(halves, data, result):
    encoder, classifier = halves
    latents = np.stack([encoder.latent(image) for image in data.images])
    right = (classifier.network(latents).argmax(axis=1) == data.labels).mean()
    assert result.unquantised_accuracy == pytest.approx(right, abs=0.01)


def assert_near_ideal(result: Evaluation) -> None:
    for point in result.points:
        assert point.ideal_bits_mean - 1 < point.bits_mean < 1.03 * point.ideal_bits_mean + 3
        assert point.bits_p05 <= point.bits_mean <= point.bits_p95


def test_bits_are_near_the_ideal_code_length(result):
    assert_near_ideal(result)


def test_bits_are_as_calibration_promised(halves, result):
    for promised, measured in zip(halves[0].codec.ladder, result.points, strict=True):
        assert measured.bits_mean == pytest.approx(promised.bits, rel=0.1, abs=4)


@pytest.mark.skipif(not (MODELS / "cifar10").is_dir(), reason="models/cifar10 is not there")
def test_cifar10_is_near_the_ideal_and_the_promised_accuracy(cifar10_test):
    encoder, classifier = load_model(MODELS / "cifar10")
    ladder = encoder.codec.ladder
    data = cifar10_test.sample(1000, seed=0).matched(classifier.classes)
    points = [0, len(ladder) // 2, len(ladder) - 1]
    result = evaluate(encoder, classifier, data, points)
    assert_near_ideal(result)
    for index, point in zip(points, result.points, strict=True):
        assert point.accuracy == pytest.approx(ladder[index].accuracy, abs=0.05)


def test_chosen_points_are_measured_and_told_in_order(halves, data, result):
    told = []
    some = evaluate(*halves, data, [1, 0], told.append)
    assert [point.point for point in some.points] == [1, 0]
    assert some.points == tuple(told) == (result.points[1], result.points[0])


def test_number_of_threads_changes_nothing(halves, data, result, one_thread):
    assert evaluate(*halves, data) == result
    assert torch.get_num_threads() == 1


def test_an_image_that_no_packet_holds_is_told(halves, data, monkeypatch):
    monkeypatch.setattr("jcc_ros.codec.packet.MAX_PAYLOAD", 1)
    with pytest.raises(DataError, match=r"image \d+ at operating point 1: payload of"):
        evaluate(*halves, data, [1])


@pytest.mark.parametrize("index", [-1, 99])
def test_unknown_point_is_refused(halves, data, index):
    with pytest.raises(DataError, match=rf"no operating point {index}: tiny has 0 \.\. \d"):
        evaluate(*halves, data, [index])


def test_halves_of_two_trainings_are_refused(tiny_model, tmp_path, halves):
    from jcc_ros.codec.ladder import Ladder
    from jcc_ros.codec.latent_codec import LatentCodec
    from jcc_ros.networks.classifier_model import save_classifier
    from jcc_ros.networks.encoder_model import save_encoder

    encoder, classifier = halves
    shorter = LatentCodec(Ladder(encoder.codec.ladder.shape, encoder.codec.ladder[:1]))
    save_encoder(encoder, tmp_path)
    save_classifier(
        ClassifierModel("other", classifier.network, shorter, classifier.classes, {}), tmp_path
    )
    with pytest.raises(ModelFileError, match=f"{encoder.codec.model_id}.*{shorter.model_id}"):
        load_model(tmp_path)
