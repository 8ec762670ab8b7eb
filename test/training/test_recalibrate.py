"""New tables and ladder for networks that stay as they are."""

import numpy as np
import pytest

from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.networks.model import load_model
from jcc_ros.training.card import CARD_FILE
from jcc_ros.training.config import ConfigError, TrainConfig
from jcc_ros.training.recalibrate import recalibrate
from jcc_ros.training.split import split

pytestmark = pytest.mark.usefixtures("one_thread")


def weights(folder) -> list[np.ndarray]:
    return [array for half in load_model(folder) for pair in half.network.weights for array in pair]


def test_the_same_page_and_images_give_the_same_model(trainings):
    trainings.run("first")
    config = TrainConfig.model_validate(trainings.page)
    again = trainings.out("again")
    recalibrate(config, trainings.out("first"), trainings.data, trainings.place("again"), again)
    assert (
        load_model(again)[0].codec.model_id == load_model(trainings.out("first"))[0].codec.model_id
    )
    assert [line for line in trainings.log("first") if line["stage"] == "calibrate"] == (
        trainings.log("again")
    )


def test_images_of_another_kind_get_shorter_payloads(trainings):
    trainings.page["calibrate"] = {"finest": 0.5, "coarsest": 0.5, "count": 2, "prefixes": [1.0]}
    trainings.run("first")
    known = trainings.data
    darker = LabelledImages(known.images // 4, known.labels, known.classes)
    config, out = TrainConfig.model_validate(trainings.page), trainings.out("darker")
    recalibrate(config, trainings.out("first"), darker, trainings.place("darker"), out, "jcc again")
    assert all(map(np.array_equal, weights(trainings.out("first")), weights(out)))
    (old, _), (new, _) = load_model(trainings.out("first")), load_model(out)
    _, held = split(darker, config.validation)
    latents = [new.latent(image) for image in darker.images[held]]
    before, now = (
        np.mean([8 * len(model.codec.encode(latent, 0).payload) for latent in latents])
        for model in (old, new)
    )
    assert now < before - 4
    assert new.codec.ladder[0].bits == pytest.approx(now, abs=1)
    card = (out / CARD_FILE).read_text()
    assert card.index("jcc again") < card.index("jcc evaluate")


@pytest.mark.parametrize("named", [("9", "8", "7"), tuple("9876543210")])
def test_images_of_some_classes_are_enough(trainings, named):
    trainings.run("first")
    config, data = TrainConfig.model_validate(trainings.page), trainings.data
    some = data.subset(np.flatnonzero(data.labels >= 7))
    some = LabelledImages(some.images, 9 - some.labels, named)
    out = trainings.out("some")
    recalibrate(config, trainings.out("first"), some, trainings.place("some"), out)
    robot, host = load_model(out)
    assert host.classes == data.classes
    _, held = split(some.without_empty_classes(), config.validation)
    latents = np.stack([robot.latent(image) for image in some.images[held]])
    last = len(host.codec.ladder) - 1
    scores = host.scores(host.codec.received(latents, last), last)
    right = scores.argmax(axis=1) == 9 - some.labels[held]
    assert right.mean() == pytest.approx(host.codec.ladder[-1].accuracy, abs=1.01 / len(held))


def test_other_classes_are_refused(trainings):
    trainings.run("first")
    config, data = TrainConfig.model_validate(trainings.page), trainings.data
    parity = LabelledImages(data.images, data.labels % 2, ("even", "odd"))
    out, place = trainings.out("other"), trainings.place("other")
    with pytest.raises(DataError, match="does not know the classes 'even', 'odd'"):
        recalibrate(config, trainings.out("first"), parity, place, out)
    assert not out.exists()
    assert not place.folder.exists()


def test_another_encoder_is_refused(trainings):
    trainings.run("first")
    page = {**trainings.page, "encoder": {**trainings.page["encoder"], "widths": [8, 16]}}
    config, out = TrainConfig.model_validate(page), trainings.out("other")
    with pytest.raises(ConfigError, match=r"encoder\.widths"):
        recalibrate(config, trainings.out("first"), trainings.data, trainings.place("other"), out)
