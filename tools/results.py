#!/usr/bin/env python3
"""Makes docs/results.md: tables and pictures of what lies in docs/results.

docs/results/rows.yaml says what each row is; docs/results/ROW holds what its command left:
log.jsonl of the training, and evaluate.json (`jcc evaluate`) or, for image codecs, curve.json
(`jcc curve`). Rows without these files are named and left out. On the page, what lies between
`<!-- NAME -->` and `<!-- /NAME -->` is written anew, NAME being a data set. What was run for each
row, with commands and logs, goes to docs/results/rows.md.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from study_rows import Row, read_rows

from jcc_ros.evaluation.curves import (
    Curve,
    accuracy_at,
    affordable,
    bd_accuracy,
    bd_rate,
    bits_for,
    draw,
)
from jcc_ros.evaluation.published import CIFAR10, CIFAR100

DOCS = Path(__file__).resolve().parents[1] / "docs"
PUBLISHED = {"cifar10": CIFAR10, "cifar100": CIFAR100}
NONE = "–"
TEACHER = "teacher.jsonl"  # log of the row's teacher, where it was kept

Seeds = Sequence[Curve]  # of one method, one curve a seed
Methods = Mapping[str, Seeds]  # by label


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
    page = docs / "results.md"
    text = page.read_text()
    for data, about in sets.items():
        here = [row for row in found if row.data == data]
        text = filled(text, data, section(data, about, here, results))
    page.write_text(text)
    (results / "rows.md").write_text(listing(found, results))
    print(f"{page}: {len(found)} of {len(rows)} rows")
    return 0


def filled(text: str, name: str, content: str) -> str:
    """Return the text with other content between the markers of a name.

    Raises:
        ValueError: there are no such markers.
    """
    found = re.search(f"(<!-- {name} -->\n).*(<!-- /{name} -->)", text, re.DOTALL)
    if not found:
        raise ValueError(f"no <!-- {name} --> ... <!-- /{name} -->")
    return f"{text[: found.end(1)]}\n{content}\n\n{text[found.start(2) :]}"


def section(data: str, about: Mapping, rows: Sequence[Row], results: Path) -> str:
    """Return picture and tables of a data set.

    Args:
        about: its `title`, number of `classes`, `targets` in bits, and what to `compare`: lists of
            labels by label, "published" for all that are.
        rows: whose files are there.
    """
    if not rows:
        return "Nothing has been measured yet."

    def methods(group: str) -> Methods:
        found: dict[str, list[Curve]] = {}
        for row in rows:
            if row.group == group:
                found.setdefault(row.label, []).append(measured(row, about["classes"], results))
        return found

    ours, long, baseline = methods("ours"), methods("long"), methods("baseline")
    codecs, on_robot = methods("codec"), methods("on-robot")
    steps, unquantised = methods("ablation"), methods("unquantised")
    published = {
        (name := f"published: {one.name}"): [replace(one, name=name)]
        for one in PUBLISHED.get(data, ())
    }
    studied = {**steps, **ours, **unquantised}
    here = {**ours, **long, **baseline, **codecs, **on_robot}
    known = here | published
    drawn = [curve for seeds in known.values() for curve in seeds]
    draw(drawn, about["title"], results / f"{data}.svg")
    sources = {curve.source for (curve,) in published.values()}
    pairs = [
        (label, known[label], other, known[other])
        for label, named in about["compare"].items()
        for name in named
        for other in (published if name == "published" else [name])
        if label in known and other in known
    ]
    title, targets = about["title"], about["targets"]
    return "\n\n".join(
        [
            f"![Accuracy against bits](results/{data}.svg)",
            *(f"Published: {source}." for source in sorted(sources)),
            f"### {title}: within a budget",
            reached(here, targets),
            *([f"### {title}: differences", compared(pairs, targets)] if pairs else []),
            *([f"### {title}: steps", ablation(baseline, studied, targets)] if steps else []),
        ]
    )


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


def reached_at(seeds: Seeds, bits: float) -> list[float]:
    """Return each seed's accuracy, in per cent, at a number of bits."""
    found = (accuracy_at(curve, bits) for curve in seeds)
    return [100 * accuracy for accuracy in found if accuracy is not None]


def lead(seeds: Seeds, others: Seeds, bits: float) -> float | None:
    """Return by how many points the mean over seeds is ahead of the others' at equal bits."""
    ours, theirs = reached_at(seeds, bits), reached_at(others, bits)
    return mean(ours) - mean(theirs) if ours and theirs else None


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
        ["# Rows of [results.md](../results.md)\n", table(heads, table_rows), "", *blocks]
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
