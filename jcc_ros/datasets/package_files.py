"""What comes with the package beside its code: models and message definitions."""

from pathlib import Path


def package_folders(name: str) -> list[Path]:
    """Return the folders of that name where ament or pip have put them, and in a checkout."""
    parents = Path(__file__).resolve().parents
    places = [parent / "share" / "jcc_ros" / name for parent in parents]
    places += [parent / name for parent in parents if (parent / "package.xml").is_file()]
    return [place for place in places if place.is_dir()]
