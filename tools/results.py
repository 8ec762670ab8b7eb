#!/usr/bin/env python3
"""Makes the tables and pictures of docs/results.md and of the pages in docs/results.

docs/results/rows.yaml says what each row is; docs/results/ROW holds what its command left:
log.jsonl of the training, and evaluate.json (`jcc evaluate`) or, for image codecs, curve.json
(`jcc curve`). Rows without these files are named and left out. On a page, what lies between
`<!-- NAME -->` and `<!-- /NAME -->` is written anew. NAME is a data set, a data set and `-steps`
(its ablation) or `-trainings` (of the model in models/), or `labels` (what robots reach by
themselves). What was run for each row, with commands and logs, goes to docs/results/rows.md.
"""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from leads import Seeds, draw_leads, lead, reached_at
from study_rows import Row, read_rows

from jcc_ros.evaluation.curves import (
    Curve,
    affordable,
    bd_accuracy,
    bd_rate,
    bits_for,
    draw,
)
from jcc_ros.evaluation.published import CIFAR10, CIFAR100

DOCS = Path(__file__).resolve().parents[1] / "docs"
PUBLISHED = {"cifar10": CIFAR10, "cifar100": CIFAR100}
STEPS = "ablation", "ours"  # groups that an ablation compares with the baseline
NONE = "–"
TEACHER = "teacher.jsonl"  # log of the row's teacher, where it was kept

Methods = dict[str, Seeds]  # by label
Part = Callable[[Path], str]  # of a page: its text, given the page's folder


def main(docs: Path = DOCS) -> int:
    results = docs / "results"
    sets, rows = read_rows(results / "rows.yaml")
    found = []
    for row in rows:
        missing = [name for name in row.files if not (results / row.name / name).is_file()]
        if missing:
            print(f"left out {row.name}: no {' and no '.join(missing)}", file=sys.stderr)
        else:
            found.append(row)
    studies = [
        Study(data, about, [row for row in found if row.data == data], results)
        for data, about in sets.items()
    ]
    parts: dict[str, Part] = {"labels": lambda _: labels(studies)}
    for study in studies:
        parts[study.data] = study.section
        if study.methods("baseline") and study.methods(*STEPS):
            parts[f"{study.data}-steps"] = study.steps
        if study.methods("earlier"):
            parts[f"{study.data}-trainings"] = study.trainings
    pages = docs / "results.md", results / "ablation.md", results / "models.md"
    texts = [filled(page, parts) for page in pages]
    if parts:
        raise ValueError(f"no <!-- {next(iter(parts))} --> on the pages")
    for page, text in zip(pages, texts, strict=True):
        page.write_text(text)
    (results / "rows.md").write_text(listing(found, results))
    print(f"{docs}: {len(found)} of {len(rows)} rows")
    return 0


def filled(page: Path, parts: dict[str, Part]) -> str:
    """Return a page's text with other content between its markers, and take that out of `parts`.

    Args:
        parts: by name; each returns its text for a page in a given folder.

    Raises:
        ValueError: there is no part for a marker, or no end to it.
    """
    text = page.read_text()
    for name in re.findall("<!-- ([a-z0-9-]+) -->\n", text):
        found = re.search(f"(<!-- {name} -->\n).*(<!-- /{name} -->)", text, re.DOTALL)
        if not found or name not in parts:
            raise ValueError(f"{page}: nothing for <!-- {name} --> ... <!-- /{name} -->")
        content = parts.pop(name)(page.parent)
        text = f"{text[: found.end(1)]}\n{content}\n\n{text[found.start(2) :]}"
    return text


@dataclass(frozen=True)
class Study:
    """A data set and the rows that were measured on it.

    Attributes:
        about: its `title`, number of `classes`, `targets` in bits, what to `compare`: lists of
            labels by label, "published" for all that are; and where there are robots that classify
            by themselves, `split`: pairs of a robot's label and what it stands against.
        rows: whose files are there.
        results: folder of the rows' files and the pictures.
    """

    data: str
    about: Mapping[str, Any]
    rows: Sequence[Row]
    results: Path

    def methods(self, *groups: str) -> Methods:
        """Return the curves of the groups' rows, in the groups' order."""
        found: dict[str, list[Curve]] = {}
        for group in groups:
            for row in self.rows:
                if row.group == group:
                    curve = measured(row, self.about["classes"], self.results)
                    found.setdefault(row.label, []).append(curve)
        return found

    def section(self, folder: Path) -> str:
        """Return picture and tables of what is compared, for a page in a folder."""
        if not self.rows:
            return "Nothing has been measured yet."
        here = self.methods("ours", "long", "baseline", "codec", "on-robot")
        published = {
            (name := f"published: {one.name}"): [replace(one, name=name)]
            for one in PUBLISHED.get(self.data, ())
        }
        known = here | published
        title, targets = self.about["title"], self.about["targets"]
        picture = self.results / f"{self.data}.svg"
        draw([curve for seeds in known.values() for curve in seeds], title, picture)
        sources = {curve.source for (curve,) in published.values()}
        pairs = [
            (label, known[label], other, known[other])
            for label, named in self.about["compare"].items()
            for name in named
            for other in (published if name == "published" else [name])
            if label in known and other in known
        ]
        return "\n\n".join(
            [
                f"![Accuracy against bits]({os.path.relpath(picture, folder)})",
                *(f"Published: {source}." for source in sorted(sources)),
                f"### {title}: within a budget",
                reached(here, targets),
                *([f"### {title}: differences", compared(pairs, targets)] if pairs else []),
            ]
        )

    def steps(self, folder: Path) -> str:
        """Return picture and table of what each step is ahead, for a page in a folder."""
        baseline, steps = self.methods("baseline"), self.methods(*STEPS)
        picture = self.results / f"{self.data}-steps.svg"
        (others,) = baseline.values()
        draw_leads(others, steps, self.about["title"], picture)
        return "\n\n".join(
            [
                f"![Points ahead against bits]({os.path.relpath(picture, folder)})",
                ablation(baseline, steps | self.methods("unquantised"), self.about["targets"]),
            ]
        )

    def trainings(self, _: Path) -> str:
        """Return the table of a model in models/ after each of its trainings."""
        return reached(self.methods("earlier", "long"), self.about["targets"])


def labels(studies: Iterable[Study]) -> str:
    """Return the table of robots that classify by themselves, against what latents reach."""
    rows = []
    for study in studies:
        methods = study.methods("on-robot", "baseline", "ours", "ablation")
        for label, split in study.about.get("split", []):
            if label in methods and split in methods:
                alone = mean(curve.points[0][1] for curve in methods[label])
                dearest = [curve.points[-1] for curve in methods[split]]
                accuracy = mean(accuracy for _, accuracy in dearest)
                # One that is better with its fewest bits already may be so with fewer.
                equal = [bits_for(c, alone) or c.points[0][0] for c in methods[split]]
                cells = [
                    study.about["title"],
                    label,
                    f"{100 * alone:.1f} %",
                    split,
                    f"{100 * accuracy:.1f} % at {mean(bits for bits, _ in dearest):.0f}",
                    f"{100 * (accuracy - alone):+.1f}",
                    "never" if math.inf in equal else f"{mean(equal):.0f} bits",
                ]
                rows.append(cells)
    heads = ["", "label", "accuracy", "latents", "at most bits", "points ahead", "level from"]
    return table(heads, rows)


def measured(row: Row, classes: int, results: Path) -> Curve:
    """Return what was measured of a row; a robot's own label costs the bits of its number.

    Where there is no rate, the accuracy is that at any number of bits.
    """
    content = json.loads((results / row.name / row.files[1]).read_text())
    if row.group == "codec":
        (curve,) = (curve for curve in content["curves"] if curve["kind"] == "codec")
        points = [(point["bits"], point["accuracy"]) for point in curve["points"]]
        return Curve(row.label, "codec", row.name, tuple(points))
    if row.group in ("on-robot", "unquantised"):
        bits = math.ceil(math.log2(classes)) if row.group == "on-robot" else 1
        return Curve(row.label, "label", row.name, ((bits, content["unquantised_accuracy"]),))
    points = [(point["bits_mean"], point["accuracy"]) for point in content["points"]]
    return Curve(row.label, "model", row.name, tuple(sorted(points)))


def reached(methods: Methods, targets: Sequence[int]) -> str:
    """Return the table of accuracies at the targets, with the bits that were really spent."""
    rows = []
    for label, seeds in methods.items():
        cells = [label, str(len(seeds))]
        for target in targets:
            points = [point for curve in seeds if (point := affordable(curve, target))]
            accuracy = spread((100 * accuracy for _, accuracy in points), "{:.2f}", " %")
            spent = spread((bits for bits, _ in points), "{:.0f}")
            cells.append(f"{accuracy} at {spent}" if points else NONE)
        rows.append(cells)
    return table(["", "seeds", *(f"at most {target} bits" for target in targets)], rows)


def compared(pairs: Iterable[tuple[str, Seeds, str, Seeds]], targets: Sequence[int]) -> str:
    """Return the table of differences, each the mean over all pairs of seeds.

    The last columns are the bits that the other takes for the accuracy that ours has within a
    target, and how many times as many that is.
    """
    rows = []
    for label, seeds, other, others in pairs:
        cells = [
            f"{label} against {other}",
            difference(bd_rate, others, seeds, "{:+.1f}", " %"),
            difference(bd_accuracy, others, seeds, "{:+.2f}"),
        ]
        cells += [equally_good([*product(others, seeds)], target) for target in targets]
        rows.append(cells)
    heads = [f"bits for what {target} buy" for target in targets]
    return table(["", "BD-rate", "BD-accuracy, points", *heads], rows)


def equally_good(pairs: Sequence[tuple[Curve, Curve]], target: int) -> str:
    """Return the bits of the first of each pair for what the second has within the target."""
    bought = [(other, *point) for other, curve in pairs if (point := affordable(curve, target))]
    spent = mean(bits for _, bits, _ in bought) if bought else math.nan
    costs = [bits_for(other, accuracy) for other, _, accuracy in bought]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return NONE
    most = max(other.points[-1][0] for other, *_ in bought)
    more, cost = ("", mean(known)) if max(known) < math.inf else ("more than ", most)
    return f"{more}{cost:.0f}, {cost / spent:.1f} times"


def ablation(baseline: Methods, steps: Methods, targets: Sequence[int]) -> str:
    """Return the table of accuracies at equal bits, and what each step is ahead."""
    rows = []
    for label, seeds in {**baseline, **steps}.items():
        others = [] if label in baseline else [c for plain in baseline.values() for c in plain]
        cells = [label, str(len(seeds))]
        for target in targets:
            cell = spread(reached_at(seeds, target), "{:.2f}", " %")
            if others and (ahead := lead(seeds, others, target)) is not None:
                cell += f" ({ahead:+.2f})"
            cells.append(cell)
        cells.append(difference(bd_accuracy, others, seeds, "{:+.2f}"))
        rows.append(cells)
    heads = [f"{target} bits" for target in targets]
    return table(["steps", "seeds", *heads, "BD-accuracy, points"], rows)


def difference(
    measure: Callable[[Curve, Curve], float | None],
    others: Seeds,
    seeds: Seeds,
    form: str,
    unit: str = "",
) -> str:
    """Return mean and deviation over all pairs of seeds.

    With a single seed on one side the deviation would be that of the other side's seeds, and is not
    shown.
    """
    found = [measure(*pair) for pair in product(others, seeds)]
    known = [value for value in found if value is not None]
    if known and 1 in (len(others), len(seeds)):
        known = [mean(known)]
    return spread(known, form, unit)


def listing(rows: Sequence[Row], results: Path) -> str:
    """Return the page of what was run: a table with the logs, and `tools/study.py`'s commands."""
    table_rows = []
    for row in rows:
        lines = (results / row.name / "log.jsonl").read_text().splitlines()
        log = [json.loads(line) for line in lines]
        epochs = {line["stage"]: line["epoch"] for line in log if "epoch" in line}
        minutes = sum(line.get("seconds", 0) for line in log) / 60
        names = [name for name in (*row.files, TEACHER) if (results / row.name / name).is_file()]
        cells = [
            f"[{row.name}](#{row.name})",
            f"[{Path(row.configuration).name}](../../{row.configuration})",
            ", ".join(f"{stage} {count}" for stage, count in epochs.items()),
            str(row.seed),
            f"{minutes:.0f}",
            ", ".join(f"[{name}]({row.name}/{name})" for name in names),
        ]
        table_rows.append(cells)
    heads = ["row", "configuration", "epochs", "seed", "minutes", "files"]
    blocks = (f"## {row.name}\n\n```\n{row.command.strip()}\n```\n" for row in rows)
    return "\n".join(
        [
            "# Rows of [results.md](../results.md) and [ablation.md](ablation.md)\n",
            table(heads, table_rows),
            "",
            *blocks,
        ]
    )


def spread(values: Iterable[float | None], form: str, unit: str = "") -> str:
    """Return mean and, of several, the sample's standard deviation; None are left out."""
    known = [value for value in values if value is not None]
    if not known:
        return NONE
    around = f" ± {form.format(stdev(known)).lstrip('+')}" if len(known) > 1 else ""
    return f"{form.format(mean(known))}{around}{unit}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows])


if __name__ == "__main__":
    sys.exit(main())
