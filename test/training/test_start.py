"""A training that begins with the networks of a model."""

import numpy as np
import pytest

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError
from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.recalibrate import recalibrate
from jcc_ros.training.refit import refit
from jcc_ros.training.split import SPLIT_FILE
from jcc_ros.training.train import train

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
    assert f"{tiny_model}: its classifier has other classes" in caplog.text


def test_a_classifier_of_another_size_is_told(trainings, tiny_model, caplog):
    trainings.run("same", start=tiny_model, finetune=HARDLY_MOVES)
    assert "new classifier" not in caplog.text
    other = {"width": 20, "blocks": 2}
    trainings.run("other", start=tiny_model, finetune=HARDLY_MOVES, classifier=other)
    assert f"{tiny_model}: its classifier has channels=" in caplog.text
    assert "but the configuration asks for channels=" in caplog.text


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


@pytest.mark.parametrize("way", ["start", "encoder", "recalibrate"])
def test_no_image_that_the_model_has_learnt_validates(trainings, tiny_model, caplog, way):
    page = {**trainings.page, "validation": 0.4, "finetune": {"epochs": 1, "batch": 64}}
    config, place, out = TrainConfig.model_validate(page), trainings.place(way), trainings.out(way)
    if way == "start":
        train(config, trainings.data, place, out, start=tiny_model)
    elif way == "encoder":
        refit(config, tiny_model, trainings.data, place, out)
    else:
        recalibrate(config, tiny_model, trainings.data, place, out)
    kept = (place.folder / SPLIT_FILE).read_text().split()
    assert kept == (tiny_model.parent / "run" / SPLIT_FILE).read_text().split()
    assert f"{tiny_model}: was trained on all but a share of 0.2 of these images" in caplog.text
    _, host = load_model(out)
    told = host.provenance.get("calibration", host.provenance)
    assert told["images"] == {"train": 320, "validation": 80}
    assert told["configuration"]["validation"] == 0.2


def test_fewer_images_than_the_model_kept_may_validate(trainings, tiny_model, caplog):
    trainings.run("further", start=tiny_model, finetune=HARDLY_MOVES, validation=0.1)
    kept = (trainings.place("further").folder / SPLIT_FILE).read_text().split()
    assert len(kept) < 60
    assert set(kept) < {*(tiny_model.parent / "run" / SPLIT_FILE).read_text().split()}
    assert str(tiny_model) not in caplog.text


def test_a_classifier_of_other_images_is_told(trainings, tiny_model, tmp_path, caplog):
    config, folder = TrainConfig.model_validate(trainings.page), tmp_path / "refitted"
    others = trainings.data.sample(390, seed=0)
    refit(config, tiny_model, others, trainings.place("refit"), folder)
    caplog.clear()
    trainings.run("further", start=folder, finetune=HARDLY_MOVES)
    assert f"{folder}: was trained on other images than these" in caplog.text


def test_halves_of_two_models_are_refused(trainings, tiny_model, tmp_path):
    trainings.run("other", seed=1)
    folder = tmp_path / "mixed"
    folder.mkdir()
    for half, whence in ((ENCODER_FILE, tiny_model), (CLASSIFIER_FILE, trainings.out("other"))):
        (folder / half).write_bytes((whence / half).read_bytes())
    ids = [load_model(whence)[0].codec.model_id for whence in (tiny_model, trainings.out("other"))]
    refused = f"{ids[0]}, but the classifier has {ids[1]}; remove {CLASSIFIER_FILE}"
    with pytest.raises(ModelFileError, match=refused):
        trainings.run("further", start=folder)
    assert not trainings.place("further").folder.exists()
    config, place = TrainConfig.model_validate(trainings.page), trainings.place("refit")
    with pytest.raises(ModelFileError, match=refused):
        refit(config, folder, trainings.data, place, trainings.out("refit"))


@pytest.mark.parametrize("file", [ENCODER_FILE, CLASSIFIER_FILE])
def test_a_damaged_model_is_named(trainings, tiny_model, tmp_path, file):
    folder = tmp_path / "damaged"
    folder.mkdir()
    for half in (ENCODER_FILE, CLASSIFIER_FILE):
        (folder / half).write_bytes((tiny_model / half).read_bytes() if half != file else b"")
    with pytest.raises(ModelFileError, match=file):
        trainings.run("further", start=folder)
