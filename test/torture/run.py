"""`make torture`: all campaigns in full, as a table on the terminal and build/torture.json.

Each campaign is a pytest process of its own, and its rows are properties of pytest's JUnit report.
Those that only wait run beside others; those that measure times run alone.
"""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
TEST = HERE.parent
BUILD = TEST.parent / "build" / "torture"
REPORT = TEST.parent / "build" / "torture.json"


@dataclass(frozen=True)
class Row:
    """One line of the report; the limit of one that was skipped is the reason."""

    campaign: str
    what: str
    times: int
    result: str
    limit: str
    state: str  # kept, broken or skipped


@dataclass(frozen=True)
class Campaign:
    """A pytest run.

    Attributes:
        paths: below test/.
        what: it does, for tests that write no rows of their own: they are counted.
    """

    name: str
    paths: tuple[str, ...]
    what: str = ""

    def run(self) -> list[Row]:
        """Run it; return its rows."""
        report = BUILD / f"{self.name}.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-o", "junit_family=xunit1"]
        command += [f"--junitxml={report}", *(str(TEST / path) for path in self.paths)]
        if not self.what:
            command.append("--full")
        with (BUILD / f"{self.name}.log").open("w") as log:
            subprocess.run(command, stdout=log, stderr=log)
        if not report.exists():
            return [Row(self.name, self.name, 0, "did not run", log.name, "broken")]
        cases = list(ElementTree.parse(report).iter("testcase"))
        return list(self._summary(cases) if self.what else self._rows(cases))

    def _rows(self, cases: list[ElementTree.Element]) -> Iterator[Row]:
        for case in cases:
            found = [Row(self.name, **json.loads(p.get("value"))) for p in case.iter("property")]
            yield from found
            skipped = case.find("skipped")
            if skipped is not None:
                reason = skipped.get("message", "")
                yield Row(self.name, _words(case), 0, "skipped", reason, "skipped")
            for problem in (case.find("failure"), case.find("error")):
                if problem is not None and not any(row.state == "broken" for row in found):
                    text = problem.get("message", "").splitlines()[0]
                    yield Row(self.name, _words(case), 0, text, "", "broken")

    def _summary(self, cases: list[ElementTree.Element]) -> Iterator[Row]:
        failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
        skipped = [case for case in cases if case.find("skipped") is not None]
        result = f"{len(failed)} failed, {len(skipped)} skipped"
        state = "broken" if failed or not cases else "kept"
        yield Row(self.name, self.what, len(cases), result, "none failed", state)


# One after the other; the campaigns of one line at the same time.
LINES = [
    [
        Campaign("endurance", ("torture/test_endurance.py",)),
        Campaign("links", ("torture/test_links.py",)),
    ],
    [
        Campaign("fuzzing packets", ("torture/test_fuzzing.py::test_fuzzing[packet]",)),
        Campaign("fuzzing messages", ("torture/test_fuzzing.py::test_fuzzing[message]",)),
    ],
    [
        Campaign("packets", ("torture/test_packets.py",)),
        Campaign("images", ("nodes/test_images.py",), "images of all encodings, sizes and damages"),
    ],
    [Campaign("messages", ("torture/test_messages.py",))],
    [Campaign("faults", ("torture/test_faults.py",))],
    [
        Campaign(
            "parameters",
            ("nodes/test_parameters.py", "nodes/test_every_parameter.py"),
            "parameters of all nodes with unusable values, at start and live",
        ),
        Campaign(
            "models", ("networks/test_model_file.py",), "damaged and inconsistent model files"
        ),
    ],
    [Campaign("life cycle", ("nodes/test_lifecycle.py",), "transitions of both managed nodes")],
    [Campaign("ends", ("nodes/test_shutdown.py",), "SIGINT and SIGTERM at any moment")],
]


def main() -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    rows: list[Row] = []
    console = Console(width=None if sys.stdout.isatty() else 180)
    for line in LINES:
        console.print(
            f"{(time.monotonic() - started) / 60:4.1f} min  "
            + ", ".join(campaign.name for campaign in line)
        )
        with ThreadPoolExecutor(len(line)) as pool:
            for found in pool.map(Campaign.run, line):
                rows += found
    minutes = (time.monotonic() - started) / 60
    report = {"minutes": minutes, "machine": platform.platform(), "rows": [asdict(r) for r in rows]}
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    table = Table(title=f"{len(rows)} rows in {minutes:.1f} minutes")
    for column in ("campaign", "what was done", "times", "result", "limit", ""):
        table.add_column(column, overflow="fold")
    for row in rows:
        colour = {"kept": "green", "broken": "red", "skipped": "yellow"}[row.state]
        cells = (row.campaign, row.what, f"{row.times}", row.result, row.limit)
        table.add_row(*cells, f"[{colour}]{row.state}[/]")
    console.print(table)
    console.print(f"written to {REPORT}")
    return any(row.state == "broken" for row in rows)


def _words(case: ElementTree.Element) -> str:
    return case.get("name", "").removeprefix("test_").replace("_", " ")


if __name__ == "__main__":
    sys.exit(main())
