"""`jcc bench`: a table and the same as JSON, with the machine it was measured on."""

import importlib.util
import json

ROS = importlib.util.find_spec("rclpy") is not None


def test_table_and_json(jcc, tiny_model, tmp_path):
    file = tmp_path / "bench" / "bench.json"
    outcome = jcc("bench", "--model", tiny_model, "--json", file, "--effort", "0.001")
    assert outcome.status == 0, outcome.err
    report = json.loads(file.read_text())
    assert {"cpu", "cores", "python", "torch", "numpy", "opencv"} <= report["machine"].keys()
    assert report["model"] == "tiny"
    assert len(report["benchmarks"]) == (9 if ROS else 7)
    for row in report["benchmarks"]:
        assert row["name"] in outcome.out
        assert {"value", "unit", "p05", "p95", "repetitions", "peer", "ratio"} <= row.keys()
    if ROS:
        assert report["start"]["seconds"][0] > 0
        assert report["start"]["encoder_memory_bytes"]["onnxruntime"] > 1e6
        assert "torch" not in report["start"]["encoder_memory_bytes"]


def test_without_a_model_weights_are_random(jcc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jcc_ros.networks.model_folder.named_models", dict)
    outcome = jcc("bench", "--effort", "0.001")
    assert outcome.status == 0, outcome.err
    assert "random weights" in outcome.out
    assert (tmp_path / "build" / "bench" / "bench.json").is_file()
