"""Which models are at hand, by folder, by name and by default."""

from pathlib import Path

import pytest

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.models import Models, model_folders


@pytest.fixture
def place(tmp_path, tiny_model, monkeypatch):
    (tmp_path / "models").mkdir()
    for name in ("b", "a"):
        (tmp_path / "models" / name).symlink_to(tiny_model)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folder_folder_of_folders_and_name(place, tiny_model):
    assert model_folders([tiny_model]) == [tiny_model]
    assert model_folders([place / "models"]) == [place / "models" / "a", place / "models" / "b"]
    assert model_folders([Path("b")]) == [Path("models/b")]
    assert model_folders([]) == [Path("models/a"), Path("models/b")]
    assert model_folders([Path("b"), Path("a")])[0] == Path("models/b")


def test_folder_without_a_model(place):
    with pytest.raises(DataError, match="zebra: no model folder"):
        model_folders([Path("zebra")])


def test_the_only_model_is_taken_and_none_is_told(place, tiny_model):
    models = Models([tiny_model])
    assert models.pair(None)[1].name == "tiny"
    (model_id,) = models.classifiers
    assert models.pair(model_id[:3])[0].codec.model_id == model_id
    with pytest.raises(DataError, match=r"name it: none"):
        Models([]).pair(None)


def test_several_models_must_be_told_apart(place, tiny_model):
    from jcc_ros.evaluation.synthetic import synthetic_model
    from jcc_ros.networks.classifier_model import save_classifier
    from jcc_ros.networks.encoder_model import save_encoder

    for save, half in zip((save_encoder, save_classifier), synthetic_model(), strict=True):
        save(half, place / "other")
    models = Models([tiny_model, place / "other"])
    with pytest.raises(DataError, match=r"one model .*tiny.*model \(.*other \("):
        models.pair(None)


def test_models_of_the_checkout_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).resolve().parents[2]
    assert model_folders([Path("digits")]) == [root / "models" / "digits"]
    assert root / "models" / "digits" in model_folders([])
