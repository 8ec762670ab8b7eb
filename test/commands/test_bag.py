"""`jcc bag`: from a recording to a report, many recordings, and what is refused."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import Recording, drive

from jcc_ros.datasets.digits import digits
from jcc_ros.evaluation import report
from jcc_ros.networks.model import load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bags(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    halves, data = load_model(tiny_model), digits("test").sample(50, seed=0)
    drive(halves, data, 40).write(folder / "latents")
    drive(halves, data, 30, images=True, latents=False, labels=False).write(folder / "images")
    (folder / "broken.db3").write_bytes(b"SQLite format 3\0 and no more")
    return folder


def test_recorded_latents(jcc, bags, tiny_model, tmp_path):
    outcome = jcc("bag", bags / "latents", "--model", tiny_model, "--out", tmp_path)
    assert outcome.status == 0, outcome.err
    assert "40 frames; 40 latents in 40 messages, 40 labels" in outcome.out
    assert "agree on 100.00% of 40 frames" in outcome.out
    assert {"report.html", "frames.csv", "summary.json"} <= {f.name for f in tmp_path.iterdir()}


def test_recorded_images_at_bit_rates(jcc, bags, tiny_model, tmp_path):
    outcome = jcc(
        *("bag", bags / "images", "--model", tiny_model, "--out", tmp_path),
        *("--bitrate", "8000,2000", "--frames-per-message", "4", "--max-delay", "0.3"),
    )
    assert outcome.status == 0, outcome.err
    (bag,) = json.loads((tmp_path / "summary.json").read_text())["bags"]
    ways = {way["way"]: way for way in bag["topics"][0]["ways"]}
    assert list(ways) == ["bitrate_2000", "bitrate_8000"]
    assert ways["bitrate_2000"]["dropped"]["rate"] > ways["bitrate_8000"]["dropped"]["rate"]


def test_many_bags_and_a_broken_one(jcc, bags, tiny_model, tmp_path):
    outcome = jcc(
        *("bag", bags / "latents", bags / "broken.db3", bags / "images", bags / "latents"),
        *("--model", tiny_model, "--out", tmp_path, "--jobs", "1"),
    )
    assert outcome.status == 1
    assert f"jcc bag: {bags / 'broken.db3'}" in outcome.err
    assert outcome.out.count("frames;") == 2
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [bool(bag["error"]) for bag in summary["bags"]] == [False, True, False]
    with (tmp_path / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 70
    assert {row["bag"] for row in rows} == {str(bags / "latents"), str(bags / "images")}
    assert rows[0]["again_label"]
    assert rows[-1]["point_0_label"]
    assert (tmp_path / "bag_1" / "report.html").is_file()


def test_installed_program_in_processes(bags, tiny_model, tmp_path):
    """The program that ROS installs, with processes of its own."""
    template = (ROOT / "tools" / "program.py.in").read_text()
    program = tmp_path / "jcc"
    program.write_text(
        template.replace("@Python3_EXECUTABLE@", sys.executable).replace(
            "@module@", "jcc_ros.commands.cli"
        )
    )
    process = subprocess.run(
        [
            *(sys.executable, program, "bag", bags / "latents", bags / "images"),
            *("--model", tiny_model, "--jobs", "2"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("frames;") == 2


def test_only_broken_bags(jcc, bags, tmp_path):
    outcome = jcc("bag", bags / "broken.db3", "--out", tmp_path / "out")
    assert outcome.status == 1
    assert outcome.out == ""
    assert not (tmp_path / "out").exists()


def test_truth_by_hand(jcc, tiny_model, bags, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("start,end,label\n0,100,3\n")
    words = ["bag", bags / "images", "--model", tiny_model, "--points", "1", "--out", tmp_path]
    assert jcc(*words, "--labels", labels).status == 0
    (bag,) = json.loads((tmp_path / "summary.json").read_text())["bags"]
    (row,) = [r for r in bag["topics"][0]["ways"][0]["per_class"] if r["frames"]]
    assert (row["class"], row["frames"]) == ("3", 30)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["bag", "--points", "1,x"],
        ["bag", "--bitrate", "fast"],
        ["bag", "--bitrate", "0"],
        ["bag", "--jobs", "0"],
        ["bag", "--max-fps", "-1"],
        ["bag", "--frames-per-message", "33"],
        ["bag", "--max-delay", "31"],
        ["bag", "--labels", "a.csv", "--label-folder"],
        ["bag", "--engine", "abacus"],
    ],
)
def test_wrong_usage(jcc, words):
    outcome = jcc("bag", *words)
    assert outcome.status == 2
    assert "usage: jcc bag" in outcome.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--points", "77"], "no operating point 77"),
        (["--topic", "/rear"], "no topic /rear"),
        (["--label-topic", "/said"], "no labels on /said"),
        (["--labels", "missing.csv"], r"missing\.csv"),
        (["--label-folder"], "named after a class"),
        (["--model", "missing"], "missing: not a model folder"),
    ],
)
def test_errors_name_the_cause(jcc, bags, tiny_model, words, reason):
    model = [] if "--model" in words else ["--model", tiny_model]
    outcome = jcc("bag", bags / "images", *model, *words)
    assert outcome.status == 1
    (line,) = outcome.err.splitlines()
    assert line.startswith("jcc bag: ")
    assert re.search(reason, line)


def test_empty_bag(jcc, tmp_path):
    outcome = jcc("bag", Recording().write(tmp_path / "bag"))
    assert outcome.status == 1
    assert "no messages of type" in outcome.err


def test_nothing_old_stands_beside_new_results(jcc, bags, tiny_model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "frames.csv").write_text("of an earlier run")
    (tmp_path / "bag_3").mkdir()
    (tmp_path / "bag_3" / "report.html").write_text("of a third bag")
    words = ["bag", bags / "latents", "--model", tiny_model, "--out", tmp_path]
    assert jcc(*words).status == 0
    assert "recorded_label" in (tmp_path / "frames.csv").read_text()
    assert not list((tmp_path / "bag_3").iterdir())
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.fixture
def earlier(tmp_path):
    """A folder with a report of an earlier run, and what is in it."""
    files = {"report.html": "old", "frames.csv": "old", "bag_2/summary.json": "old"}
    for name, text in files.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(text)
    return tmp_path / "out", files


def files_in(folder):
    return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("words", [["--topic", "/nope"], ["--labels", "nothere.csv"]])
def test_an_earlier_report_survives_what_is_mistyped(jcc, bags, tiny_model, earlier, words):
    out, files = earlier
    asked = [*words, "--model", tiny_model, "--out"]
    assert jcc("bag", bags / "latents", *asked, out).status == 1
    assert files_in(out) == files
    assert jcc("bag", bags / "latents", *asked, out.parent / "new" / "deep").status == 1
    assert list(out.parent.iterdir()) == [out]


def test_ctrl_c_leaves_nothing_half_made(jcc, bags, tiny_model, earlier, monkeypatch):
    out, files = earlier

    def interrupted(results, folder):
        assert (folder / "frames.csv").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "write_report", interrupted)
    words = ["bag", bags / "latents", "--model", tiny_model, "--out"]
    for folder in (out, out.parent / "new"):
        assert jcc(*words, folder).status == 130
    assert files_in(out) == files
    assert list(out.parent.iterdir()) == [out]


def test_ctrl_c_keeps_the_reports_of_bags_that_are_finished(
    jcc, bags, tiny_model, earlier, monkeypatch
):
    out, _ = earlier
    write = report.write_report

    def interrupted(results, folder):
        if results[0].path == bags / "images":
            raise KeyboardInterrupt
        write(results, folder)

    monkeypatch.setattr(report, "write_report", interrupted)
    words = ["bag", bags / "latents", bags / "images", "--jobs", "1", "--model", tiny_model]
    assert jcc(*words, "--out", out).status == 130
    assert (out / "bag_1" / "report.html").is_file()
    assert {file.parent.name for file in out.rglob("*") if file.is_file()} == {"bag_1"}


def test_a_folder_that_cannot_be_written_is_named(refused, bags, tmp_path):
    (tmp_path / "file").write_text("no folder")
    told = refused("bag", bags / "latents", "--out", tmp_path / "file" / "report")
    assert f"{tmp_path / 'file' / 'report'}: cannot be written: Not a directory" in told


def test_options_that_would_not_be_heard(refused, bags):
    for option, value in (("--max-fps", 5), ("--frames-per-message", 4), ("--max-delay", 0)):
        told = refused("bag", bags / "images", option, value)
        assert f"{option} makes no difference without --bitrate" in told
    told = refused("bag", bags / "images", "--scheduler", "tcp://host:8786")
    assert "--scheduler makes no difference without --engine dask" in told


def test_names_of_any_bytes(jcc, bags, tiny_model, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9"))
    odd.symlink_to(bags / "latents")
    outcome = jcc("bag", odd, "--model", tiny_model, "--out", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    name = f"{tmp_path}/\\xe9"
    assert name in outcome.out
    with (tmp_path / "out" / "frames.csv").open(newline="") as file:
        assert {row["bag"] for row in csv.DictReader(file)} == {name}
    assert "<title>\\xe9</title>" in (tmp_path / "out" / "report.html").read_text()
