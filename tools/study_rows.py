"""The rows of docs/results/rows.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Row:
    """One training and what was measured of its model.

    Attributes:
        name: METHOD-SEED, or METHOD alone where no seeds are named.
        data: key of the data set.
        label: of the method; its rows differ in their seed only.
        group: "ablation" are variants of "baseline" and "ours", "unquantised" has no rate,
            "codec" and "on-robot" are what others would do, "long" are models/, "earlier" what they
            were before or might have become.
        configuration: page that was trained.
        command: lines of shell, from training to the files in docs/results.
    """

    name: str
    data: str
    label: str
    group: str
    seed: int
    configuration: str
    command: str

    @property
    def files(self) -> tuple[str, str]:
        """Names of what the command leaves."""
        return "log.jsonl", "curve.json" if self.group == "codec" else "evaluate.json"


def read_rows(file: Path) -> tuple[dict[str, Any], list[Row]]:
    """Return what the file says of each data set, and its rows: a method's one for each seed."""
    content = yaml.safe_load(file.read_text())
    rows = []
    for method, about in content["methods"].items():
        for seed in about.get("seeds", [0]):
            name = f"{method}-{seed}" if "seeds" in about else method
            images, _, _ = about["data"].partition("-")
            names = {"method": method, "seed": seed, "row": name, "images": images}
            words = {"threads": 1, **about, **names}
            words["command"] = content["commands"][about["command"]].format(**words)
            kept = ("data", "label", "group", "seed", "configuration", "command")
            rows.append(Row(name, **{key: words[key] for key in kept}))
    return content["data"], rows
