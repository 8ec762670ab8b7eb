"""Which folder a model is in: one that is given, or that of a name."""

from pathlib import Path

from jcc_ros.datasets.package_files import package_folders
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError


def model_folder(model: str | Path) -> Path:
    """Return the folder of a model.

    Args:
        model: the folder, or the name of a model in one of `model_places`.
    Raises:
        ModelFileError: neither; the message has the names that there are.
    """
    folder = Path(model).expanduser()
    if _is_model(folder):
        return folder
    named = named_models()
    if str(model) in named:
        return named[str(model)]
    raise ModelFileError(
        f"{model}: not a model folder (with {ENCODER_FILE} or {CLASSIFIER_FILE}), nor one of the "
        f"available models: {', '.join(named) or 'none'}"
    )


def named_models() -> dict[str, Path]:
    """Return the folders of all models at hand by their names; of equal ones the first place's."""
    named: dict[str, Path] = {}
    for place in model_places():
        for folder in filter(_is_model, sorted(place.glob("*"))):
            named.setdefault(folder.name, folder)
    return named


def model_places() -> list[Path]:
    """Return where models are looked for by name: in `models`, then where the package's are."""
    return [Path("models"), *package_folders("models")]


def _is_model(folder: Path) -> bool:
    return any((folder / file).is_file() for file in (ENCODER_FILE, CLASSIFIER_FILE))
