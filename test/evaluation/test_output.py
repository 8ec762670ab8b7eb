"""Tables that line up, JSON that programs can rely on."""

import json
from dataclasses import asdict, replace

from jcc_ros.evaluation import output
from jcc_ros.evaluation.evaluate import Evaluation, PointResult

POINT = PointResult(3, 0.5, 12, 96.25, 80.0, 120.0, 93.5, 0.875, (0.795, 0.926), 0.02)


def test_json_schema(tmp_path):
    file = tmp_path / "deep" / "out.json"
    output.save_json(asdict(Evaluation("name", "ab" * 32, 100, 0.9, (POINT, POINT))), file)
    point = {
        "point": 3,
        "step": 0.5,
        "prefix": 12,
        "bits_mean": 96.25,
        "bits_p05": 80.0,
        "bits_p95": 120.0,
        "ideal_bits_mean": 93.5,
        "accuracy": 0.875,
        "accuracy_95": [0.795, 0.926],
        "expected_calibration_error": 0.02,
    }
    assert json.loads(file.read_text()) == {
        "model": "name",
        "model_id": "ab" * 32,
        "images": 100,
        "unquantised_accuracy": 0.9,
        "points": [point, point],
    }


def test_rows_stand_under_their_heading():
    header, row = output.header(), output.row(POINT)
    assert header.split()[0] == "point"
    numbers = ["3", "0.500", "12", "96.2", "80", "120", "93.5", "87.50%"]
    assert row.split() == [*numbers, "79.5%", "-", "92.6%"]
    assert len(header) == len(row) <= 80
    sure = replace(POINT, accuracy=1.0, accuracy_95=(0.963, 1.0))
    assert len(output.row(sure)) == len(header)


def test_table_is_aligned():
    lines = output.table(["name", "value"], [["a", "1"], ["longer", "1000"]]).splitlines()
    assert lines == ["name    value", "a           1", "longer   1000"]


def test_what_json_does_not_know_is_null(tmp_path):
    output.save_json({"rows": [(float("nan"), float("inf"), 1.5)]}, tmp_path / "new" / "out.json")
    assert json.loads((tmp_path / "new" / "out.json").read_text()) == {"rows": [[None, None, 1.5]]}
