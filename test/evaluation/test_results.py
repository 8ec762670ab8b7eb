"""The pages of results come from the files of their rows; the commands are such as jcc takes."""

import json
import math
import shlex
from pathlib import Path
from statistics import stdev

import leads
import pytest
import results
import yaml
from study_rows import Row, read_rows

from jcc_ros.commands import cli, train
from jcc_ros.evaluation.curves import Curve
from jcc_ros.training.config import read_config

ROOT = Path(__file__).resolve().parents[2]
SETS, ROWS = read_rows(ROOT / "docs" / "results" / "rows.yaml")
PAGES = {
    "results.md": """# Results

<!-- fruit-dried -->
old
<!-- /fruit-dried -->

between

<!-- labels -->
<!-- /labels -->
""",
    "results/ablation.md": "<!-- fruit-dried-steps -->\n<!-- /fruit-dried-steps -->\n",
    "results/models.md": "<!-- fruit-dried-trainings -->\n<!-- /fruit-dried-trainings -->\n",
}


def method(group: str, label: str, **keys: object) -> dict:
    about = {"data": "fruit-dried", "label": label, "group": group, "command": "train", **keys}
    return {**about, "configuration": "config/train/fruit.yaml"}


def write(folder: Path, file: str, content: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(content))
    log = [{"stage": "finetune", "epoch": n, "seconds": 1800} for n in (1, 2)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))


def model(accuracies: dict[float, float]) -> dict:
    points = [{"bits_mean": bits, "accuracy": a} for bits, a in accuracies.items()]
    return {"unquantised_accuracy": 0.5, "points": points}


@pytest.fixture
def docs(tmp_path) -> Path:
    methods = {
        "ours": method("ours", "ours", seeds=[0, 1]),
        "base": method("baseline", "base"),
        "jpeg": method("codec", "JPEG"),
        "robot": method("on-robot", "robot"),
        "half": method("ablation", "half"),
        "fine": method("unquantised", "fine"),
        "later": method("ablation", "later"),
        "young": method("earlier", "first training"),
    }
    commands = {"train": "jcc train {configuration} {images} --seed {seed} --out {row} {label}"}
    compare = {"ours": ["base", "JPEG", "later"]}
    about = {"title": "Fruit", "classes": 10, "targets": [20, 90], "compare": compare}
    sets = {"fruit-dried": {**about, "split": [["robot", "base"], ["robot", "later"]]}}
    folder = tmp_path / "results"
    write(folder / "ours-0", "evaluate.json", model({40: 0.8, 80: 0.9, 160: 0.95}))
    write(folder / "ours-1", "evaluate.json", model({40: 0.82, 80: 0.92, 160: 0.97}))
    write(folder / "base", "evaluate.json", model({40: 0.7, 80: 0.8, 160: 0.85}))
    write(folder / "half", "evaluate.json", model({40: 0.75, 80: 0.85, 160: 0.9}))
    write(folder / "young", "evaluate.json", model({40: 0.6}))
    write(folder / "robot", "evaluate.json", {"unquantised_accuracy": 0.75, "points": []})
    write(folder / "fine", "evaluate.json", model({5000: 0.6}))
    points = [{"bits": 200, "accuracy": 0.5}, {"bits": 800, "accuracy": 0.93}]
    curves = [{"kind": "model", "points": []}, {"kind": "codec", "points": points}]
    write(folder / "jpeg", "curve.json", {"curves": curves})
    content = {"data": sets, "commands": commands, "methods": methods}
    (folder / "rows.yaml").write_text(yaml.safe_dump(content))
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_page_tells_what_the_files_say(docs, capsys):
    assert results.main(docs) == 0
    assert capsys.readouterr().err == "left out later: no log.jsonl and no evaluate.json\n"
    page = (docs / "results.md").read_text()
    lines = page.splitlines()
    assert "old" not in page
    assert "between" in lines
    assert "later" not in page
    assert "| ours | 2 | – | 91.00 ± 1.41 % at 80 ± 0 |" in lines
    assert "| base | 1 | – | 80.00 % at 80 |" in lines
    assert "| JPEG | 1 | – | – |" in lines
    assert "| robot | 1 | 75.00 % at 4 | 75.00 % at 4 |" in lines
    assert "![Accuracy against bits](results/fruit-dried.svg)" in lines
    # base reaches 75 % halfway, on a logarithmic scale, from 40 to 80 bits.
    assert "| Fruit | robot | 75.0 % | base | 85.0 % at 160 | +10.0 | 57 bits |" in lines
    (against_base,) = (line for line in lines if line.startswith("| ours against base |"))
    assert against_base.split(" | ")[2] == "+11.00"  # base has one seed
    assert "more than 160, 2.0 times" in against_base  # base never is that good
    (against_jpeg,) = (line for line in lines if line.startswith("| ours against JPEG |"))
    # 0.9 and 0.92 on the line from 0.5 at log 200 to 0.93 at log 800.
    expected = [200 * 4 ** ((accuracy - 0.5) / 0.43) for accuracy in (0.9, 0.92)]
    assert f"| {sum(expected) / 2:.0f}, {sum(expected) / 160:.1f} times |" in against_jpeg
    ablation = (docs / "results" / "ablation.md").read_text().splitlines()
    assert "![Points ahead against bits](fruit-dried-steps.svg)" in ablation
    # At 90 bits, between the points at 80 and 160.
    assert f"| half | 1 | – | {85 + 5 * math.log2(90 / 80):.2f} % (+5.00) | +5.00 |" in ablation
    # Whatever the bits: 50 %, against 80.85 of base at 90; base costs more than 20.
    assert "| fine | 1 | 50.00 % | 50.00 % (-30.85) | – |" in ablation
    trainings = (docs / "results" / "models.md").read_text()
    assert "| first training | 1 | – | 60.00 % at 40 |" in trainings
    assert "first training" not in page
    listed = (docs / "results" / "rows.md").read_text()
    commands = listed.splitlines()
    assert "jcc train config/train/fruit.yaml fruit --seed 1 --out ours-1 ours" in commands
    assert "jcc train config/train/fruit.yaml fruit --seed 0 --out base base" in commands
    assert "| finetune 2 | 0 | 60 | [log.jsonl](base/log.jsonl)," in listed
    for picture in ("fruit-dried.svg", "fruit-dried-steps.svg"):
        assert ">Fruit</text>" in (docs / "results" / picture).read_text()


def test_deviation_is_of_both_sides_seeds():
    first, second, third = (
        Curve("one", "model", "one", ((40, accuracy), (80, 0.9))) for accuracy in (0.5, 0.75, 0.875)
    )

    def ahead(other: Curve, ours: Curve) -> float:
        return ours.points[0][1] - other.points[0][1]

    assert results.difference(ahead, [first], [second, third], "{:+.2f}") == "+0.31"
    assert results.difference(ahead, [first, second], [third], "{:+.2f}") == "+0.25"
    both = results.difference(ahead, [first, second], [second, third], "{:+.3f}", " %")
    assert both == f"+0.188 ± {stdev((0.25, 0.375, 0, 0.125)):.3f} %"


def test_again_changes_nothing(docs):
    results.main(docs)
    files = [file for file in docs.rglob("*") if file.suffix in (".md", ".svg")]
    assert len(files) == 6  # four pages, two pictures
    before = [file.read_bytes() for file in files]
    results.main(docs)
    assert [file.read_bytes() for file in files] == before


def test_nothing_is_invented(docs):
    for log in (docs / "results").rglob("log.jsonl"):
        log.unlink()
    for name in ("ablation", "models"):  # nothing is left for them
        (docs / "results" / f"{name}.md").write_text("")
    results.main(docs)
    page = (docs / "results.md").read_text()
    assert "Nothing has been measured yet." in page
    assert not (docs / "results" / "fruit-dried.svg").exists()


def test_missing_and_needless_markers_are_named(docs):
    page = docs / "results" / "ablation.md"
    page.write_text("")
    with pytest.raises(ValueError, match="no <!-- fruit-dried-steps -->"):
        results.main(docs)
    page.write_text("<!-- nuts -->\n<!-- /nuts -->\n")
    with pytest.raises(ValueError, match=r"ablation\.md: nothing for <!-- nuts -->"):
        results.main(docs)


def curve(low: float, high: float, most: float = 160) -> Curve:
    return Curve("plain", "model", "any", ((most / 4, low), (most, high)))


def test_points_ahead_are_a_mean_at_equal_bits():
    others, seeds = [curve(0.5, 0.7), curve(0.6, 0.8)], [curve(0.7, 0.9)]
    assert leads.lead(seeds, others, 80) == pytest.approx(15)
    assert leads.lead(seeds, others, 20) is None  # all cost more
    assert leads.lead(seeds, others, 320) == pytest.approx(15)  # whoever may spend more need not


def test_what_does_not_fit_the_picture_of_leads_is_left_out(tmp_path):
    others, file = [curve(0.5, 0.7), curve(0.51, 0.71)], tmp_path / "leads.svg"
    seeds = {"near": [curve(0.51, 0.72)], "far": [curve(0.1, 0.2)], "dear": [curve(0.5, 0.7, 4000)]}
    leads.draw_leads(others, seeds, "Fruit", file)
    drawn = file.read_text()
    shown = [f">{text}</text>" in drawn for text in ("plain: deviation", "near", "far", "dear")]
    assert shown == [True, True, False, False]
    assert ">points ahead of plain</text>" in drawn
    leads.draw_leads(others[:1], seeds, "Fruit", file)
    assert "deviation" not in file.read_text()


@pytest.mark.parametrize(("alone", "level"), [(0.96, "never"), (0.65, "40 bits")])
def test_where_latents_draw_level_with_a_label(docs, alone, level):
    file = docs / "results" / "robot" / "evaluate.json"
    file.write_text(json.dumps({"unquantised_accuracy": alone, "points": []}))
    results.main(docs)
    (line,) = ((docs / "results.md").read_text().split("<!-- labels -->")[1].splitlines())[-3:-2]
    assert line.endswith(f"| {level} |")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_commands_are_those_that_make_the_row(row: Row):
    config = read_config(ROOT / row.configuration)
    parser = cli._parser()
    data, _, _ = row.data.partition("-")
    suffix = "" if data == "photos" else ".npz"
    lines = [shlex.split(line) for line in row.command.splitlines()]
    of_teacher = [lines.pop()] if lines[-1][-1].endswith("/teacher.jsonl") else []
    *before, training, folder_made, measure, copied = lines
    recalibrated = parser.parse_args(training[1:]) if "--recalibrate" in training else None
    trained = parser.parse_args((before.pop() if recalibrated else training)[1:])
    assert (str(trained.config), trained.seed or 0) == (row.configuration, row.seed)
    if config.data == "digits":
        assert trained.data is None
        made = ["jcc", "data", "digits", "$DATA/digits-test.npz", "--part", "test"]
        assert before.pop(0) == made
    else:
        assert str(trained.data) == f"$DATA/{data}-train{suffix}"
    if trained.start:
        encoder = trained.start.parent / "model" / "encoder.safetensors"
        assert before.pop(0) == ["mkdir", "-p", str(trained.start)]
        assert before.pop(0) == ["cp", str(encoder), str(trained.start)]
    assert bool(before) == bool(trained.teacher)
    for words in before:
        teaching = parser.parse_args(words[1:])
        lender = read_config(ROOT / teaching.config)
        assert (teaching.only, lender.teach) == ("teach", config.teach)
        assert teaching.runs / lender.name == trained.teacher
    model = trained.out or Path("models") / config.name
    if recalibrated:
        same = "config", "data", "threads", "runs"
        assert [getattr(recalibrated, of) for of in same] == [getattr(trained, of) for of in same]
        assert recalibrated.recalibrate == model
        model = recalibrated.out
    measured = parser.parse_args(measure[1:])
    assert str(measured.data) == f"$DATA/{data}-test{suffix}"
    folder, run = Path("docs/results") / row.name, trained.runs / train._run_name(trained, config)
    assert folder_made == ["mkdir", "-p", str(folder)]
    if row.group == "codec":
        assert [*measured.models, measured.codec_model] == [model, model]
        assert measured.codecs == (config.augment.codec.name,)
        left = [str(run / "log.jsonl"), str(measured.out / "curve.json")]
    else:
        assert (measured.model, measured.json) == (model, folder / "evaluate.json")
        left = [str(run / "log.jsonl")]
    assert copied == ["cp", *left, str(folder)]
    for words in of_teacher:
        assert words == ["cp", str(trained.teacher / "log.jsonl"), str(folder / "teacher.jsonl")]
    assert row.data in SETS
