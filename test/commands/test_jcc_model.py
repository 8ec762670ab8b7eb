"""`jcc model`: what a model is, for people and for programs."""

import json
from dataclasses import replace

import yaml

from jcc_ros.networks.classifier_model import save_classifier
from jcc_ros.networks.encoder_model import save_encoder
from jcc_ros.networks.model import load_model


def test_description(jcc, tiny_model, tmp_path):
    outcome = jcc("model", tiny_model, "--json", tmp_path / "model.json")
    assert outcome.status == 0, outcome.err
    encoder, classifier = load_model(tiny_model)
    told = json.loads((tmp_path / "model.json").read_text())
    assert told["name"] == "tiny"
    assert told["model_id"] == encoder.codec.model_id
    assert told["latent_shape"] == [4, 4, 4]
    assert told["classes"] == list(classifier.classes)
    assert told["ladder"][0]["bits"] == encoder.codec.ladder[0].bits
    assert told["provenance"]["encoder"] == encoder.provenance
    # Stem 6x6 to 16x16x8, stage 3x3 to 8x8x12, head 3x3 to 4x4x4.
    assert told["encoder"]["multiply_adds"] == 36 * 3 * 8 * 256 + 9 * 8 * 12 * 64 + 9 * 12 * 4 * 16
    assert told["classifier"]["parameters"] == 4 * 9 * 16 + 16 + 2 * (16 * 9 * 16 + 16) + 170
    assert told["encoder"]["bytes"] == (tiny_model / "encoder.safetensors").stat().st_size
    for word in (encoder.codec.model_id, "32 x 32", "4 x 4 x 4", "10: 0, 1, 2", "epochs: 1"):
        assert word in outcome.out


def test_provenance_says_nothing_twice(jcc, tiny_model, tmp_path):
    encoder, classifier = load_model(tiny_model)
    first = {
        "command": "one",
        "earlier": [],
        "configuration": {
            "license": "",
            "encoder": {"stem": 16, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
            "teach": {"epochs": 3},
            "screen": None,
            "seed": 0,
        },
    }
    last = {"command": "last", "configuration": {**first["configuration"], "seed": 2}}
    second = {
        "command": "two",
        "earlier": ["one"],
        "configuration": {**first["configuration"], "teach": None, "rank": 4},
        "calibration": last,
    }
    save_encoder(replace(encoder, provenance={**first, "calibration": last}), tmp_path)
    save_classifier(replace(classifier, provenance=second), tmp_path)
    outcome = jcc("model", tmp_path, "--json", tmp_path / "model.json")
    assert outcome.status == 0, outcome.err
    told = outcome.out.partition("has all of it):\n")[2].partition("\n\nladder")[0]
    assert yaml.safe_load(told) == {
        "encoder": {
            "command": "one",
            "configuration": {"encoder": {"stem": 16}, "teach": {"epochs": 3}, "seed": 0},
            "calibration": {"command": "last", "configuration": {"seed": 2}},
        },
        "classifier": {
            "command": "two",
            "earlier": ["one"],
            "configuration": {"teach": None, "rank": 4},
        },
    }
    stored = json.loads((tmp_path / "model.json").read_text())["provenance"]
    assert stored == {"encoder": {**first, "calibration": last}, "classifier": second}


def test_card_is_written_anew(jcc, tiny_model, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in tiny_model.glob("*.safetensors"):
        (folder / file.name).write_bytes(file.read_bytes())
    assert jcc("model", folder).status == 0
    assert not (folder / "README.md").exists()
    assert jcc("model", folder, "--card").status == 0
    assert (folder / "README.md").read_text() == (tiny_model / "README.md").read_text()


def test_no_model(refused, tmp_path):
    told = refused("model", tmp_path)
    assert f"{tmp_path}: not a model folder" in told
    assert "digits" in told


def test_an_installed_model_has_a_name(jcc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = jcc("model", "digits")
    assert outcome.status == 0, outcome.err
    assert outcome.out.startswith("name        digits\n")
