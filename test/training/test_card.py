"""The card tells what the files hold."""

from dataclasses import replace

import pytest

from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError
from jcc_ros.training.card import CARD_FILE, model_card, write_card
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.recalibrate import recalibrate
from jcc_ros.training.refit import refit


def test_card_is_written_with_the_model(tiny_model):
    encoder, classifier = load_model(tiny_model)
    text = (tiny_model / CARD_FILE).read_text()
    assert text == model_card(encoder, classifier)
    assert f"{encoder.network.parameters:,}" in text
    assert encoder.codec.model_id[:16] in text
    assert "320 images for training, 80 for validation" in text
    assert classifier.provenance["data"]["sha256"][:16] in text
    assert "10 classes: 0, 1, 2" in text
    for index, point in enumerate(classifier.codec.ladder):
        row = f"| {index} | {point.step:.3f} | {point.prefix} | {point.bits:.1f} |"
        assert f"{row} {point.accuracy:.2%} |" in text


def test_source_and_licence_come_from_the_training(trainings):
    trainings.page |= {"about": "Digits", "license": "CC0-1.0"}
    trainings.run("model")
    encoder, classifier = load_model(trainings.out("model"))
    text = model_card(encoder, classifier)
    assert "\nDigits. An encoder" in text
    assert "Licence: CC0-1.0." in text


def told(trainings) -> str:
    made = (trainings.out("model") / CARD_FILE).read_text().split("## Made")[1]
    return made.split("```")[1].strip()


def test_the_commands_of_all_steps_are_told(trainings):
    trainings.page["finetune"]["epochs"] = 1
    trainings.run("model", command="jcc train all")
    assert told(trainings) == "jcc train all\njcc evaluate MODEL TEST"
    trainings.run("model", only="calibrate", command="jcc train calibrate")
    assert told(trainings).startswith("jcc train all\njcc train calibrate\njcc evaluate")
    trainings.run("model", only="finetune", command="jcc train finetune")
    trainings.run("model", only="calibrate", command="jcc train calibrate")
    assert told(trainings).startswith("jcc train finetune\njcc train calibrate\njcc evaluate")
    trainings.run("model", command="jcc train anew")
    assert told(trainings).startswith("jcc train anew\njcc evaluate")


def test_a_step_that_is_resumed_keeps_its_command(trainings, monkeypatch):
    trainings.interrupt(
        "model", "finetune", monkeypatch, only="finetune", command="jcc train first"
    )
    trainings.run("model", only="finetune", resume=True, command="jcc train second")
    trainings.run("model", only="calibrate", command="jcc train calibrate")
    assert told(trainings).startswith("jcc train first\njcc train calibrate\njcc evaluate")


def test_what_a_model_began_with_is_told(trainings):
    trainings.run("first", command="jcc train first")
    trainings.run("model", start=trainings.out("first"), command="jcc train further")
    assert told(trainings) == "jcc train first\njcc train further\njcc evaluate MODEL TEST"


def test_a_classifier_for_what_was_calibrated_anew_is_told_after_it(trainings):
    trainings.run("first", command="jcc train first")
    config = TrainConfig.model_validate(trainings.page)
    again, out = trainings.out("again"), trainings.out("model")
    places = trainings.place("again"), again, "jcc train again"
    recalibrate(config, trainings.out("first"), trainings.data, *places)
    told_before = (again / CARD_FILE).read_text()
    assert "\njcc train first\njcc train again\njcc evaluate" in told_before
    refit(config, again, trainings.data, trainings.place("model"), out, command="jcc train refit")
    made = (
        "# encoder\njcc train first\njcc train again\n# classifier\njcc train refit\njcc evaluate"
    )
    assert made in told(trainings)


def test_a_classifier_trained_by_itself_is_told_beside_the_encoder(tiny_model):
    encoder, classifier = load_model(tiny_model)
    first = replace(encoder, provenance={**encoder.provenance, "command": "jcc train first"})
    told = {**classifier.provenance, "command": "jcc train second"}
    text = model_card(first, replace(classifier, provenance=told))
    assert "# encoder\njcc train first\n# classifier\njcc train second\njcc evaluate" in text
    assert text.count("\nSteps: finetune, ") == 2
    told["earlier"] = ["jcc train first", "jcc train between"]
    text = model_card(first, replace(classifier, provenance=told))
    assert "# classifier\njcc train between\njcc train second\njcc evaluate" in text
    first = replace(first, provenance={**first.provenance, "earlier": ["jcc train represent"]})
    told["earlier"] = ["jcc train represent", "jcc train first"]
    text = model_card(first, replace(classifier, provenance=told))
    expected = "# encoder\njcc train represent\njcc train first\n# classifier\njcc train second\n"
    assert expected in text


def test_unknown_story_is_said(trainings):
    trainings.run("model")
    encoder, classifier = load_model(trainings.out("model"))
    assert "not recorded" in model_card(encoder, replace(classifier, provenance={}))


@pytest.mark.parametrize(
    "story", [{"configuration": [1]}, {"images": 3}, {"data": {"sha256": 5}}, {"command": None}]
)
def test_a_story_that_training_never_wrote_is_refused(trainings, story):
    trainings.run("model")
    encoder, classifier = load_model(trainings.out("model"))
    with pytest.raises(ModelFileError, match=CLASSIFIER_FILE):
        write_card(encoder, replace(classifier, provenance=story), trainings.out("model"))
    with pytest.raises(ModelFileError, match=ENCODER_FILE):
        write_card(replace(encoder, provenance=story), classifier, trainings.out("model"))
