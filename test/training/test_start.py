"""A training that begins with the networks of a model."""

import numpy as np
import pytest

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError
from jcc_ros.training.config import ConfigError
from jcc_ros.training.run import RunError

# Statistics of the batches still change a little.
HARDLY_MOVES = {"epochs": 1, "learning_rate": 1e-9, "average": 0.0}


def test_both_networks_are_trained_further(trainings, tiny_model, few_digits):
    trainings.run("further", start=tiny_model, finetune=HARDLY_MOVES)
    robots, hosts = zip(load_model(tiny_model), load_model(trainings.out("further")), strict=True)
    latents = [np.stack([r.latent(image) for image in few_digits.images[:50]]) for r in robots]
    np.testing.assert_allclose(*latents, atol=0.2 * latents[0].std())
    before, after = (host.network(latents[0]) for host in hosts)
    np.testing.assert_allclose(before, after, atol=0.05)


def test_further_training_is_better(trainings):
    """Of epochs that are too slow to get anywhere alone."""
    trainings.run("first", finetune={"epochs": 10})
    slow = {"epochs": 1, "learning_rate": 0.001}
    trainings.run("new", finetune=slow)
    trainings.run("further", start=trainings.out("first"), finetune=slow)
    accuracies = [
        load_model(trainings.out(name))[1].codec.ladder[-1].accuracy for name in ("new", "further")
    ]
    assert accuracies[1] > accuracies[0] + 0.3


def test_of_other_classes_the_encoder_is_taken(trainings, tiny_model, few_digits, caplog):
    labels = few_digits.labels % 2
    trainings.data = LabelledImages(few_digits.images, labels, ("even", "odd"))
    trainings.run("parity", start=tiny_model, finetune=HARDLY_MOVES)
    encoder, classifier = load_model(trainings.out("parity"))
    image = few_digits.images[0]
    before = load_model(tiny_model)[0].latent(image)
    np.testing.assert_allclose(encoder.latent(image), before, atol=0.2 * before.std())
    assert classifier.classes == ("even", "odd")
    assert f"{tiny_model}: tells other classes, so a new classifier begins" in caplog.text


def test_a_classifier_of_another_size_is_told(trainings, tiny_model, caplog):
    trainings.run("same", start=tiny_model, finetune=HARDLY_MOVES)
    assert "new classifier" not in caplog.text
    other = {"width": 20, "blocks": 2}
    trainings.run("other", start=tiny_model, finetune=HARDLY_MOVES, classifier=other)
    assert f"{tiny_model}: has channels=" in caplog.text
    assert "so a new classifier begins: channels=" in caplog.text


def test_resumes_as_if_nothing_had_happened(trainings, tiny_model, monkeypatch):
    trainings.run("whole", start=tiny_model)
    trainings.interrupt("broken", "finetune", monkeypatch, start=tiny_model)
    trainings.run("broken", resume=True, start=tiny_model)
    assert trainings.log("broken") == trainings.log("whole")


def test_resuming_from_another_start_is_refused(trainings, tiny_model, monkeypatch):
    trainings.interrupt("broken", "finetune", monkeypatch)
    with pytest.raises(RunError, match="the training began with start None"):
        trainings.run("broken", resume=True, start=tiny_model)


def test_another_encoder_is_refused(trainings, tiny_model):
    trainings.page["encoder"]["widths"] = [8, 16]
    with pytest.raises(ConfigError, match=r"encoder\.widths: \(8, 16\) in the configuration"):
        trainings.run("wider", start=tiny_model)
    assert not trainings.place("wider").folder.exists()  # nothing was begun


@pytest.mark.parametrize("file", [ENCODER_FILE, CLASSIFIER_FILE])
def test_a_damaged_model_is_named(trainings, tiny_model, tmp_path, file):
    folder = tmp_path / "damaged"
    folder.mkdir()
    for half in (ENCODER_FILE, CLASSIFIER_FILE):
        (folder / half).write_bytes((tiny_model / half).read_bytes() if half != file else b"")
    with pytest.raises(ModelFileError, match=file):
        trainings.run("further", start=folder)
