"""A new classifier for an encoder that stays as it is."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from variants import FAST

from jcc_ros.codec.packet import split as split_packets
from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.networks.classifier import deploy
from jcc_ros.networks.classifier_model import load_classifier, save_classifier
from jcc_ros.networks.encoder import frozen
from jcc_ros.networks.encoder_model import load_encoder, save_encoder
from jcc_ros.networks.low_rank import low_rank
from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError
from jcc_ros.training.card import CARD_FILE
from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.errors import RunError
from jcc_ros.training.refit import Transmission, refit
from jcc_ros.training.split import split

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def parity(few_digits) -> LabelledImages:
    """The digits under two other names."""
    return LabelledImages(few_digits.images, few_digits.labels % 2, ("even", "odd"))


@pytest.fixture
def page(tiny_config) -> dict:
    return {**tiny_config, "name": "parity", "finetune": {"epochs": 12, **FAST}}


def test_new_classes_on_the_deployed_encoder(page, parity, tiny_model, run, tmp_path):
    page |= {"classifier": {"width": 24, "blocks": 2}, "teach": {"epochs": 1, "width": 8, **FAST}}
    page["finetune"]["teacher"] = 0.1  # it knows little after one epoch
    refit(TrainConfig.model_validate(page), tiny_model, parity, run, tmp_path / "new")
    files = [folder / ENCODER_FILE for folder in (tmp_path / "new", tiny_model)]
    assert files[0].read_bytes() == files[1].read_bytes()
    encoder, classifier = load_model(tmp_path / "new")
    deployed = load_encoder(tiny_model)
    assert classifier.codec.model_id == deployed.codec.model_id
    assert classifier.classes == ("even", "odd")
    assert classifier.network.config.width == 24

    # The robot's own bytes.
    right = 0
    for image, label in zip(parity.images, parity.labels, strict=True):
        wire = deployed.codec.encode(deployed.latent(image), len(deployed.codec.ladder) - 1)
        (packet,) = split_packets(wire.to_bytes())
        scores = classifier.scores(classifier.codec.decode(packet)[None], packet.point)
        right += int(scores.argmax() == label)
    measured = [point.accuracy for point in classifier.codec.ladder]
    assert right / len(parity) > 0.7
    assert measured[-1] == pytest.approx(right / len(parity), abs=0.15)
    assert measured != [point.accuracy for point in encoder.codec.ladder]


def test_what_was_measured_is_what_files_hold_in_a_byte_for_each_weight(
    page, parity, tiny_model, run, tmp_path
):
    refit(TrainConfig.model_validate(page), tiny_model, parity, run, tmp_path / "new")
    for folder in (tiny_model, tmp_path / "new"):  # trained together, and by itself
        with safe_open(folder / CLASSIFIER_FILE, framework="np") as file:
            weights = [name for name in file.keys() if name.endswith(".weight")]  # noqa: SIM118
            assert {file.get_slice(name).get_dtype() for name in weights} == {"I8"}
        with safe_open(folder / ENCODER_FILE, framework="np") as file:
            weights = [name for name in file.keys() if name.endswith(".weight")]  # noqa: SIM118
            assert {file.get_slice(name).get_dtype() for name in weights} == {"F16"}
    robot, host = load_model(tmp_path / "new")
    _, held = split(parity, page["validation"])
    latents = np.stack([robot.latent(image) for image in parity.images[held]])
    for index, point in enumerate(host.codec.ladder):
        scores = host.scores(host.codec.received(latents, index), index)
        right = scores.argmax(axis=1) == parity.labels[held]
        assert right.mean() == pytest.approx(point.accuracy, abs=1.01 / len(held))


def test_other_images_than_the_encoder_s_are_told(
    page, few_digits, tiny_model, run, tmp_path, caplog
):
    page["finetune"]["epochs"] = 1
    config = TrainConfig.model_validate(page)
    refit(config, tiny_model, few_digits, run, tmp_path / "same")
    assert "other images" not in caplog.text
    second = replace(run, folder=tmp_path / "second")
    refit(config, tiny_model, few_digits.sample(390, seed=0), second, tmp_path / "other")
    assert f"{tiny_model}: was trained on other images than these" in caplog.text


def test_refitting_in_place_leaves_the_encoder(page, parity, tiny_model, run, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    before = (folder / ENCODER_FILE).stat()
    refit(TrainConfig.model_validate(page), folder, parity, run, folder)
    assert (folder / ENCODER_FILE).stat() == before
    host = load_classifier(folder)
    assert host.classes == ("even", "odd")
    assert host.provenance["earlier"] == []  # it began with none that tells other classes


def test_a_link_to_the_deployed_encoder_stays_one(page, parity, tiny_model, run, tmp_path):
    page["finetune"]["epochs"] = 1
    link = tmp_path / "new" / ENCODER_FILE
    link.parent.mkdir()
    link.symlink_to(tiny_model / ENCODER_FILE)
    refit(TrainConfig.model_validate(page), tiny_model, parity, run, tmp_path / "new")
    assert link.is_symlink()
    load_model(tmp_path / "new")


def test_a_full_disk_leaves_the_model_that_is_there(
    page, parity, tiny_model, run, tmp_path, monkeypatch
):
    def full(*_: object) -> None:
        raise DataError("no space")

    page["finetune"]["epochs"] = 1
    folder = tmp_path / "new"
    folder.mkdir()
    for file in (ENCODER_FILE, CLASSIFIER_FILE):
        (folder / file).write_text("old")
    monkeypatch.setattr("jcc_ros.training.refit.save_classifier", full)
    with pytest.raises(DataError):
        refit(TrainConfig.model_validate(page), tiny_model, parity, run, folder)
    assert [file.read_text() for file in folder.iterdir()] == ["old", "old"]


def scores(folder: Path, latents: np.ndarray) -> np.ndarray:
    return load_classifier(folder).network(latents)


@pytest.mark.parametrize(
    "change", ["nothing", "width", "deeper", "rank", "whole", "classes", "no classifier"]
)
def test_begins_with_the_classifier_that_the_host_has(
    change, page, few_digits, tiny_model, run, tmp_path
):
    page["finetune"] |= {"epochs": 1, "learning_rate": 1e-9, "average": 0.0}
    folder = tmp_path / "deployed"
    shutil.copytree(tiny_model, folder)
    deployed = load_classifier(folder)
    story = {**deployed.provenance, "command": "jcc train deployed"}
    save_classifier(replace(deployed, provenance=story), folder)
    data = few_digits
    if change == "width":
        page["classifier"] = {"width": 24, "blocks": 1}
    elif change == "deeper":
        page["classifier"] = {**page["classifier"], "blocks": 2}
    elif change == "rank":
        page["classifier"] = {**page["classifier"], "rank": 16}  # loses nothing
    elif change == "whole":
        reduced = deploy(
            low_rank(deployed.network, 16, torch.randn(50, *deployed.codec.ladder.shape))
        )
        save_classifier(replace(deployed, network=reduced, provenance=story), folder)
    elif change == "classes":
        data = LabelledImages(data.images, data.labels, tuple("abcdefghij"))
    elif change == "no classifier":
        (folder / CLASSIFIER_FILE).unlink()
    refit(TrainConfig.model_validate(page), folder, data, run, tmp_path / "new")
    robot = load_encoder(tiny_model)
    latents = np.stack([robot.latent(image) for image in data.images[:100]])
    off = np.abs(scores(tmp_path / "new", latents) - scores(tiny_model, latents)).max()
    assert (off < 0.05) == (change in {"nothing", "rank", "whole"})
    told = load_classifier(tmp_path / "new").provenance["earlier"]
    assert told == (["jcc train deployed"] if change in {"nothing", "rank", "whole"} else [])


def test_a_models_classes_may_come_in_another_order(
    page, few_digits, tiny_model, run, tmp_path, caplog
):
    classes = few_digits.classes[::-1]
    turned = LabelledImages(few_digits.images, len(classes) - 1 - few_digits.labels, classes)
    refit(TrainConfig.model_validate(page), tiny_model, turned, run, tmp_path / "new")
    robot, host = load_model(tmp_path / "new")
    assert host.classes == load_classifier(tiny_model).classes
    assert "begins with a new classifier" not in caplog.text
    latents = np.stack([robot.latent(image) for image in few_digits.images])
    guesses = scores(tmp_path / "new", latents).argmax(axis=1)
    assert (guesses == few_digits.labels).mean() > 0.5


def test_a_classifier_that_learns_nothing_is_told(page, parity, tiny_model, run, tmp_path, caplog):
    page["finetune"] |= {"epochs": 1, "learning_rate": 1e-9}
    refit(TrainConfig.model_validate(page), tiny_model, parity, run, tmp_path / "new")
    assert "parity: hardly better than guessing" in caplog.text


def test_a_smaller_classifier_follows_the_larger_one(page, few_digits, tiny_model, run, tmp_path):
    page["finetune"] |= {"epochs": 20, "teacher": 1.0}
    large = TrainConfig.model_validate(page)
    refit(large, tiny_model, few_digits, run, tmp_path / "large", command="jcc train large")
    # Labels that lead astray: whoever is right about these digits has followed the larger one.
    wrong = LabelledImages(few_digits.images, few_digits.labels[::-1].copy(), few_digits.classes)
    page["classifier"] = {"width": 12, "blocks": 1}
    second = replace(run, folder=tmp_path / "second")
    small = TrainConfig.model_validate(page)
    refit(small, tmp_path / "large", wrong, second, tmp_path / "small", command="jcc train small")
    host = load_classifier(tmp_path / "small")
    assert host.network.config.width == 12
    assert host.provenance["earlier"][-1] == "jcc train large"
    assert (tmp_path / "small" / CARD_FILE).read_text().count(
        "jcc train large\njcc train small"
    ) == 1
    robot = load_encoder(tiny_model)
    latents = np.stack([robot.latent(image) for image in few_digits.images])
    assert (host.network(latents).argmax(axis=1) == few_digits.labels).mean() > 0.5


def test_tells_of_no_step_that_it_leaves_out(page, few_digits, tiny_model, run, tmp_path):
    page |= {"represent": {"epochs": 1, "channels": 4}, "screen": {"least": 4}}
    page["finetune"]["epochs"] = 1
    refit(TrainConfig.model_validate(page), tiny_model, few_digits, run, tmp_path / "new")
    told = (tmp_path / "new" / CARD_FILE).read_text().split("Steps: ")[-1]
    assert told.startswith("finetune, 1 epochs.")


def test_a_damaged_classifier_is_named(page, few_digits, tiny_model, run, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "deployed")
    (tmp_path / "deployed" / CLASSIFIER_FILE).write_bytes(b"no model")
    with pytest.raises(ModelFileError, match=CLASSIFIER_FILE):
        config = TrainConfig.model_validate(page)
        refit(config, tmp_path / "deployed", few_digits, run, tmp_path / "new")


def test_resumed_only_with_the_same_encoder(page, parity, tiny_model, run, tmp_path):
    refit(TrainConfig.model_validate(page), tiny_model, parity, run, tmp_path / "new")
    encoder, _ = load_model(tiny_model)
    other_point = encoder.codec.ladder[:1]
    codec = type(encoder.codec)(type(encoder.codec.ladder)(encoder.codec.ladder.shape, other_point))
    other = type(encoder)(encoder.name, encoder.network, codec, encoder.provenance)
    save_encoder(other, tmp_path / "other")
    config = TrainConfig.model_validate(page)
    with pytest.raises(RunError, match="the training began with encoder"):
        refit(config, tmp_path / "other", parity, run, tmp_path / "out", resume=True)
    # And a robot with another ladder is not understood.
    (tmp_path / "new" / ENCODER_FILE).write_bytes((tmp_path / "other" / ENCODER_FILE).read_bytes())
    with pytest.raises(ModelFileError, match="model id"):
        load_model(tmp_path / "new")


def test_resumed_only_with_the_same_classifier(page, few_digits, tiny_model, run, tmp_path):
    config = TrainConfig.model_validate(page)
    refit(config, tiny_model, few_digits, run, tmp_path / "new")
    with pytest.raises(RunError, match="the training began with host"):
        refit(config, tmp_path / "new", few_digits, run, tmp_path / "out", resume=True)


def test_divergence_names_the_key_to_lower(page, few_digits, tiny_model, run, tmp_path):
    page["finetune"]["learning_rate"] = 1e9
    with pytest.raises(RunError, match=r"refit diverged in epoch 1.*finetune\.learning_rate"):
        config = TrainConfig.model_validate(page)
        refit(config, tiny_model, few_digits, run, tmp_path / "new")


def test_another_encoder_is_refused(page, parity, tiny_model, run, tmp_path):
    page["encoder"]["widths"] = [8, 16]
    with pytest.raises(ConfigError, match=r"encoder\.widths: \(8, 16\) in the configuration"):
        refit(TrainConfig.model_validate(page), tiny_model, parity, run, tmp_path / "new")


def test_what_training_sees_is_what_arrives(tiny_model, few_digits):
    robot = load_encoder(tiny_model)
    images = few_digits.images[:60]
    latents = np.stack([robot.latent(image) for image in images])
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        np.testing.assert_allclose(frozen(robot.network)(pixels).numpy(), latents, atol=1e-4)
    transmission = Transmission(robot)
    for index, point in enumerate(robot.codec.ladder):
        arrived = transmission(pixels, torch.full((60,), index)).numpy()
        # A latent on the edge of a bin may fall to either side.
        off = np.abs(arrived - robot.codec.received(latents, index))
        assert (off > 1e-5).mean() < 0.001
        assert off.max() <= point.step * 1.01
    assert np.array_equal(
        robot.codec.received(latents, 0)[7],
        robot.codec.decode(robot.codec.encode(latents[7], 0)),
    )
