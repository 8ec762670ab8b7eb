"""Which folder is meant by a path, by a name, and by a word that is neither."""

from pathlib import Path

import pytest

from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError
from jcc_ros.networks.model_folder import model_folder, named_models

INSTALLED = Path(__file__).resolve().parents[2] / "models"


def make(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", [ENCODER_FILE, CLASSIFIER_FILE])
def test_a_path_may_hold_one_half_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    folder = make(place / "own", file)
    monkeypatch.setenv("HOME", str(place))
    assert model_folder(folder) == folder
    assert model_folder("own") == Path("own")
    assert model_folder("~/own") == folder


def test_a_name_means_models_first_and_then_what_is_installed(place: Path) -> None:
    assert model_folder("digits") == INSTALLED / "digits"
    make(place / "digits")  # no model in it
    assert model_folder(Path("digits")) == INSTALLED / "digits"
    make(place / "models" / "digits", ENCODER_FILE)
    assert model_folder("digits") == Path("models/digits")
    make(Path("digits/x"))
    (place / "digits" / ENCODER_FILE).touch()
    assert model_folder("digits") == Path("digits")


@pytest.mark.parametrize("word", ["zebra", "models/zebra", "", "../models/digits"])
def test_what_is_neither_is_told_with_the_names_that_there_are(place: Path, word: str) -> None:
    make(place / "models" / "mine", CLASSIFIER_FILE)
    make(place / "models" / "notes")
    with pytest.raises(
        ModelFileError, match=rf"{word}: not a model folder .* available models: mine, .*digits"
    ):
        model_folder(word)
    assert "notes" not in named_models()
