"""The files of a report, by name, and how those of an earlier one are removed."""

from pathlib import Path

REPORT_FILE = "report.html"
SUMMARY_FILE = "summary.json"
FRAMES_FILE = "frames.csv"
FIGURES = (
    *("rate_accuracy", "bits_accuracy", "bitrate_over_time", "points_over_time"),
    *("latency", "confusion", "calibration"),
)
"""Names of pictures, each of them a .png and a .svg."""


def bag_folder(out: Path, number: int) -> Path:
    """Return where the report of one of several bags is, counted from 1."""
    return out / f"bag_{number}"


def clear(out: Path) -> None:
    """Remove an earlier report and those of its bags, so that nothing old stands beside new ones.

    Other files stay.
    """
    names = [REPORT_FILE, SUMMARY_FILE, FRAMES_FILE]
    names += [f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "svg")]
    bags = (folder for folder in out.glob("bag_*") if folder.name[len("bag_") :].isdecimal())
    for folder in (out, *bags):
        for name in names:
            (folder / name).unlink(missing_ok=True)
