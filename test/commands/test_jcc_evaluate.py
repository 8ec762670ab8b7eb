"""`jcc evaluate`: a table and the same as JSON."""

import json

import cv2
import numpy as np
import pytest

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_folder, save_npz
from jcc_ros.datasets.images import LabelledImages


def test_table_and_json(jcc, tiny_model, digits_npz, tmp_path):
    outcome = jcc("evaluate", tiny_model, digits_npz, "--json", tmp_path / "out.json")
    assert outcome.status == 0, outcome.err
    result = json.loads((tmp_path / "out.json").read_text())
    assert list(result) == ["model", "model_id", "images", "unquantised_accuracy", "points"]
    assert (result["model"], result["images"]) == ("tiny", 100)
    title, header, *rows = outcome.out.splitlines()
    assert "100 images" in title
    assert header.split()[:3] == ["point", "step", "prefix"]
    assert len(rows) == len(result["points"])
    for row, point in zip(rows, result["points"], strict=True):
        assert f"{point['bits_mean']:.1f}" in row
        assert f"{point['accuracy']:.2%}" in row
        low, high = point["accuracy_95"]
        assert row.endswith(f"{low:.1%} - {high:.1%}")


def test_folder_and_npz_give_the_same(jcc, tiny_model, digits_npz, tmp_path):
    save_folder(digits("test").sample(100, seed=0), tmp_path / "folder")
    jcc("evaluate", tiny_model, digits_npz, "--json", tmp_path / "npz.json")
    jcc("evaluate", tiny_model, tmp_path / "folder", "--json", tmp_path / "folder.json")
    of_npz, of_folder = (
        json.loads((tmp_path / f"{kind}.json").read_text()) for kind in ("npz", "folder")
    )
    for a, b in zip(of_npz["points"], of_folder["points"], strict=True):
        assert a.keys() == b.keys()
        for name, value in a.items():
            assert value == pytest.approx(b[name])


def test_images_of_any_size(jcc, tiny_model, tmp_path):
    for name, shape in {"3": (64, 48), "7": (20, 90)}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        image = np.full((*shape, 3), 90, np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / name / "a.jpg"), image)
    outcome = jcc("evaluate", tiny_model, tmp_path / "photos")
    assert outcome.status == 0, outcome.err
    assert "2 images" in outcome.out


def test_some_points_of_some_images(jcc, tiny_model, digits_npz, tmp_path):
    words = ["--points", "1,0", "--limit", "30", "--json", tmp_path / "out.json"]
    outcome = jcc("evaluate", tiny_model, digits_npz, *words)
    assert outcome.status == 0, outcome.err
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["images"] == 30
    assert [row.split()[0] for row in outcome.out.splitlines()[2:]] == ["0", "1"]


def test_json_tells_which_points(jcc, tiny_model, digits_npz, tmp_path):
    words = ["--points", "1", "--limit", "30", "--json", tmp_path / "out.json"]
    assert jcc("evaluate", tiny_model, digits_npz, *words).status == 0
    result = json.loads((tmp_path / "out.json").read_text())
    assert [point["point"] for point in result["points"]] == [1]


def test_all_points_by_name(jcc, tiny_model, digits_npz):
    words = ["evaluate", tiny_model, digits_npz, "--limit", "10"]
    assert jcc(*words, "--points", "all") == jcc(*words)


def test_unknown_point(jcc, tiny_model, digits_npz):
    outcome = jcc("evaluate", tiny_model, digits_npz, "--points", "0,77")
    assert outcome.status == 1
    assert "no operating point 77" in outcome.err
    assert outcome.out == ""


def test_wrong_paths(refused, tiny_model, digits_npz, tmp_path):
    missing = tmp_path / "missing"
    assert str(missing) in refused("evaluate", missing, digits_npz)
    assert str(missing) in refused("evaluate", tiny_model, missing)


def test_broken_npz(refused, tiny_model, tmp_path):
    file = tmp_path / "broken.npz"
    file.write_bytes(b"PK\x03\x04 and no more")
    assert str(file) in refused("evaluate", tiny_model, file)


def test_class_mismatch(refused, tiny_model, tmp_path):
    images = np.zeros((2, 32, 32, 3), np.uint8)
    save_npz(LabelledImages(images, np.array([0, 1]), ("3", "zebra")), tmp_path / "animals.npz")
    error = refused("evaluate", tiny_model, tmp_path / "animals.npz")
    assert "'zebra'" in error
    assert "'3'" not in error


def test_damaged_model(refused, tiny_model, digits_npz, tmp_path):
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:-100])
    assert str(tmp_path / "encoder.safetensors") in refused("evaluate", tmp_path, digits_npz)
