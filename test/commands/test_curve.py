"""`jcc curve`: models and baselines in one picture and one JSON."""

import json


def test_models_and_codecs(jcc, tiny_model, digits_npz, tmp_path):
    out = tmp_path / "out"
    outcome = jcc("curve", tiny_model, tiny_model, digits_npz, "--limit", "60", "--out", out)
    assert outcome.status == 0, outcome.err
    assert {file.name for file in out.iterdir()} == {"curve.json", "curve.png", "curve.svg"}
    result = json.loads((out / "curve.json").read_text())
    assert result["images"] == 60
    names = [curve["name"] for curve in result["curves"]]
    assert names == ["tiny", str(tiny_model), "JPEG, then tiny", "WebP, then tiny"]
    assert "not trained on decoded images" in result["curves"][2]["source"]
    assert result["curves"][0]["points"] == result["curves"][1]["points"]
    (same,) = [c for c in result["comparisons"] if (c["test"], c["anchor"]) == tuple(names[:2])]
    assert same["bd_rate_percent"] in (0, None)
    assert len(result["at_matched_bits"]) == 4
    assert "BD-rate" in outcome.out


def test_codec_model_and_no_codecs(jcc, tiny_model, digits_npz, tmp_path):
    words = ["curve", tiny_model, digits_npz, "--limit", "20", "--out", tmp_path]
    assert jcc(*words, "--no-codecs").status == 0
    assert len(json.loads((tmp_path / "curve.json").read_text())["curves"]) == 1
    assert jcc(*words, "--codec-model", tiny_model).status == 0
    curves = json.loads((tmp_path / "curve.json").read_text())["curves"]
    assert "not trained" not in curves[1]["source"]
    assert jcc(*words, "--codec-model", tiny_model, "--codecs", "WebP").status == 0
    curves = json.loads((tmp_path / "curve.json").read_text())["curves"]
    assert [curve["name"] for curve in curves] == ["tiny", "WebP, then tiny"]
    outcome = jcc(*words, "--codecs", "PNG")
    assert outcome.status == 2
    assert "'PNG' is not one of JPEG, WebP" in outcome.err


def test_errors_are_one_line(refused, tiny_model, tmp_path):
    assert "nothing.npz" in refused("curve", tiny_model, tmp_path / "nothing.npz")


def test_out_that_cannot_be_written_is_told_at_once(refused, tmp_path):
    (tmp_path / "file").touch()
    told = refused("curve", tmp_path / "model", tmp_path / "data", "--out", tmp_path / "file")
    assert "file/curve.json: cannot be written" in told
