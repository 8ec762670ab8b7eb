"""The report: one file that opens anywhere, with everything that is asked of it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from recordings import START, drive

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation import result_files
from jcc_ros.evaluation.distribution import Distribution
from jcc_ros.evaluation.examine import examine
from jcc_ros.evaluation.report import write_report

FIGURES = set(result_files.FIGURES)


class Page(HTMLParser):
    """Ids of figures, addresses, and text of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.figures: dict[str, int] = {}  # number of drawn paths
        self.images = 0
        self.addresses: list[str] = []
        self.text = ""
        self._figure = ""
        self.feed(file.read_text())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "figure":
            self._figure = values["id"]
            self.figures[self._figure] = 0
        if tag == "path" and self._figure:
            self.figures[self._figure] += 1
        self.images += tag == "img"
        for name in ("src", "href", "xlink:href"):
            if values.get(name):
                self.addresses.append(values[name])

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def result(tiny_halves, seen, tiny_model, tmp_path_factory):
    from jcc_ros.evaluation.plan import Options

    folder = tmp_path_factory.mktemp("report")
    recording = drive(tiny_halves, seen, 60, images=True, size=64)
    recording.status(START + 10**9, 50_000.0, 29, {"rate": 2})
    recording.write(folder / "bag")
    options = Options(models=(tiny_model,), points=(), bitrates=(8000.0, 20000.0))
    return examine(folder / "bag", options)


@pytest.fixture(scope="module")
def report(result, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_report([result], folder)
    return folder


def test_files(report):
    images = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert {file.name for file in report.iterdir()} == {"report.html", "summary.json", *images}
    for file in report.glob("*.png"):
        assert file.read_bytes().startswith(b"\x89PNG")


def test_every_figure_is_drawn_and_nothing_is_fetched(report):
    page = Page(report / "report.html")
    assert page.figures.keys() == FIGURES
    assert all(count > 5 for count in page.figures.values())
    assert page.images == 12  # the surest mistakes of a bad model
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    text = (report / "report.html").read_text()
    assert not re.search(r"url\(['\"]?(?!#)|<script|@import", text)
    assert 'name="viewport"' in text


def test_pictures_do_not_share_ids(report):
    ids = re.findall(r'\bid="([^"]+)"', (report / "report.html").read_text())
    # matplotlib counts its groups anew in each picture; what is referred to must be unique.
    referred = set(re.findall(r'(?:url\(|href=")#([^")]+)', (report / "report.html").read_text()))
    assert referred
    for name in referred:
        assert ids.count(name) == 1


def test_summary_tells_what_the_page_tells(report, result):
    summary = json.loads((report / "summary.json").read_text())
    (bag,) = summary["bags"]
    (topic,) = bag["topics"]
    assert summary["failed"] == 0
    assert topic["frames"] == 60
    ways = {way["way"]: way for way in topic["ways"]}
    assert {"recorded", "again", "point_0", "bitrate_8000", "bitrate_20000"} <= ways.keys()
    again = ways["again"]
    assert again["accuracy"] == again["correct"] / again["judged"]
    low, high = again["accuracy_95"]
    assert low < again["accuracy"] < high
    assert sum(cell["count"] for cell in again["confusion"]) == again["judged"] == 60
    assert 0 <= again["expected_calibration_error"] <= 1
    assert bag["encoder"]["targets"] == [50_000.0]
    total = sum(second["wire_bits"] for second in again["by_second"])
    assert total == pytest.approx(again["wire_bits"]["mean"] * 60)
    text = Page(report / "report.html").text
    assert f"{again['accuracy']:.2%}" in text
    assert f"{ways['bitrate_8000']['bitrate_wire'] / 1000:.2f}" in text


def test_words_of_a_bag_are_no_markup(tiny_halves, seen, options, tmp_path, recwarn):
    evil = "<script>alert(1)</script>$x_{日"
    recording = drive(tiny_halves, seen, 20, truth=False)
    recording.text(START - 1, "/said", evil)
    found = examine(recording.write(tmp_path / "bag"), replace(options, label_topic="/said"))
    write_report([found], tmp_path)
    assert "<script" not in (tmp_path / "report.html").read_text()
    assert evil in Page(tmp_path / "report.html").text
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_without_truth_and_images(tiny_halves, seen, options, tmp_path):
    bag = drive(tiny_halves, seen, 20, truth=False).write(tmp_path / "bag")
    write_report([examine(bag, options)], tmp_path)
    page = Page(tmp_path / "report.html")
    expected = {"bits_accuracy", "bitrate_over_time", "points_over_time", "latency"}
    assert page.figures.keys() == expected
    assert page.images == 0


def test_several_bags_and_a_broken_one(result, tmp_path):
    from jcc_ros.evaluation.result import BagResult

    other = replace(result, path=Path("other"))
    write_report([result, other, BagResult(Path("bad"), error="bad: cut off")], tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["failed"] == 1
    assert summary["total"][0]["frames"] == 120
    text = Page(tmp_path / "report.html").text
    assert "3 bags" in text
    assert "bad: cut off" in text


def test_in_a_browser(report, tmp_path):
    """Chromium, without a network, finds every figure laid out within a phone's width."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    page = (report / "report.html").read_text()
    probe = """<script>onload = () => { const out = {wide: document.documentElement.scrollWidth,
      width: innerWidth, figures: {}};
      for (const f of document.querySelectorAll('figure')) {
        const box = f.querySelector('svg').getBoundingClientRect();
        out.figures[f.id] = [box.width, box.height]; }
      out.images = [...document.images].filter(i => i.naturalWidth > 0).length;
      const p = document.createElement('pre'); p.id = 'probe'; p.textContent = JSON.stringify(out);
      document.body.append(p); }</script></body>"""
    probed = tmp_path / "probed.html"
    probed.write_text(page.replace("</body>", probe))
    # Chromium's windows are 500 pixels wide at least; a frame may be as narrow as a phone.
    frame = tmp_path / "phone.html"
    frame.write_text(
        "<script>onmessage = e => document.body.append(e.data)</script>"
        f'<iframe src="{probed.as_uri()}" width="375" height="800"></iframe>'
    )
    probed.write_text(
        probed.read_text().replace(
            "document.body.append(p);",
            "document.body.append(p); parent.postMessage('PROBE' + p.textContent + 'END', '*');",
        )
    )
    process = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--virtual-time-budget=5000", "--dump-dom", frame.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"PROBE(\{.*?\})END", process.stdout)
    assert found, process.stdout[-500:] + process.stderr[-500:]
    seen_there = json.loads(found[1])
    assert seen_there["width"] <= 375
    assert seen_there["wide"] <= seen_there["width"]
    assert seen_there["figures"].keys() == FIGURES
    for width, height in seen_there["figures"].values():
        assert 200 < width <= 375
        assert height > 150
    assert seen_there["images"] == 12


@pytest.mark.parametrize("name", ["latency.svg", "confusion.png", "summary.json", "report.html"])
def test_a_full_disk_is_told_by_the_file(result, tmp_path, name):
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(DataError, match=rf"{name}: cannot be written: No space left"):
        write_report([result], tmp_path)


def test_one_bit_rate_and_the_latency_of_all_cameras(result, tmp_path):
    fast = replace(result.topics["/image_raw"], name="/fast", latencies={})
    fast.latencies["stamp_to_label"] = Distribution()
    for _ in range(300):
        fast.latencies["stamp_to_label"].add(0.001)
    both = replace(result, topics={**result.topics, "/fast": fast})
    write_report([both], tmp_path / "one")
    text = Page(tmp_path / "one" / "report.html").text
    assert "image stamp to label1.0 ms99 %: 21.0 ms" in text
    assert "bit rate as recorded" in text
    write_report([result, replace(result, path=Path("other"))], tmp_path / "two")
    assert "bit rate as recorded" not in Page(tmp_path / "two" / "report.html").text
