"""Which models are at hand, by folder, by name and by default."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.models import Models, model_folders
from jcc_ros.networks.classifier_model import load_classifier, save_classifier
from jcc_ros.networks.model_file import ModelFileError


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
    for word in ("zebra", "models/zebra"):
        with pytest.raises(
            ModelFileError, match=f"{word}: not a model folder .* available models: a, b, "
        ):
            model_folders([Path(word)])


def test_the_only_model_is_taken_and_none_is_told(place, tiny_model):
    models = Models([tiny_model])
    assert models.pair(None)[1].name == "tiny"
    (model_id,) = models.classifiers
    assert models.pair(model_id[:3])[0].codec.model_id == model_id
    with pytest.raises(DataError, match=r"--model \(available: none\)"):
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


def test_the_checksum_tells_models_apart_whose_ids_begin_alike(place, tiny_model):
    model = load_classifier(tiny_model)
    begin, point = model.codec.model_id[:3], model.codec.ladder[0]
    ladders = (
        Ladder(model.codec.ladder.shape, [replace(point, step=point.step * (1 + times / 1e5))])
        for times in count(1)
    )
    codec = next(LatentCodec(each) for each in ladders if each.model_id.startswith(begin))
    save_classifier(replace(model, name="alike", codec=codec), place / "alike")
    models = Models([tiny_model, place / "alike"])
    packet = codec.encode(np.ones(codec.ladder.shape, np.float32), 0)
    found, latent = models.decode(packet)
    assert found.name == "alike"
    np.testing.assert_array_equal(latent, codec.decode(packet))
    with pytest.raises(PacketError, match=f"model {begin}: the checksum does not match"):
        models.decode(replace(packet, checksum=packet.checksum ^ 1))
    assert models.decode(replace(packet, model=f"{int(begin, 16) ^ 1:03x}")) is None
