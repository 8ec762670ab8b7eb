"""The models at hand, found by the id that packets carry."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.errors import UnknownModelError
from jcc_ros.codec.packet import Packet
from jcc_ros.datasets.images import DataError
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.decoding import decode
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import CLASSIFIER_FILE
from jcc_ros.networks.model_folder import model_folder, model_places


def model_folders(given: Sequence[Path]) -> list[Path]:
    """Return model folders: those given, or those in the first place that has any.

    Args:
        given: folders of a model or of several, or names of models.
    Raises:
        ModelFileError: neither a folder with a model nor the name of one.
    """
    if not given:
        return next(filter(None, map(_within, model_places())), [])
    return [folder for place in given for folder in _within(place) or [model_folder(place)]]


class Models:
    """Classifiers by model id; among equals the first wins, so that a newer one can be put first.

    Args:
        folders: of the models.
    Raises:
        ModelFileError: a file that is damaged.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders: dict[str, Path] = {}
        self.classifiers: dict[str, ClassifierModel] = {}
        for folder in folders:
            model = load_classifier(folder, threads=1)
            if model.codec.model_id not in self.classifiers:
                self.classifiers[model.codec.model_id] = model
                self._folders[model.codec.model_id] = folder

    def decode(self, packet: Packet) -> tuple[ClassifierModel, NDArray[np.float32]] | None:
        """Return the classifier and the latent [C, h, w] of a packet, None of an unknown model.

        Raises:
            PacketError: a packet that no classifier with its digits can decode.
        """
        try:
            return decode(packet, self.classifiers.values())
        except UnknownModelError:
            return None

    def pair(self, digits: str | None) -> tuple[EncoderModel, ClassifierModel]:
        """Return both halves of the model whose id begins with some digits, or of the only one.

        Raises:
            DataError: none, or several to choose from.
            ModelFileError: the robot's half is missing or damaged.
        """
        ids = [i for i in self.classifiers if digits is None or i.startswith(digits)]
        if len(ids) == 1:
            folder = self._folders[ids[0]]
            encoder, classifier = load_model(folder)
            return encoder, classifier
        at_hand = ", ".join(f"{f} ({i[:8]})" for i, f in self._folders.items()) or "none"
        wanted = f"model {digits}" if digits else "one model"
        raise DataError(
            f"{wanted} is needed to encode the recorded images; name it with --model (available: "
            f"{at_hand})"
        )

    @property
    def classes(self) -> list[str]:
        """All class names, in order, each once."""
        return list(dict.fromkeys(name for m in self.classifiers.values() for name in m.classes))


def _within(place: Path) -> list[Path]:
    """Return the folders of classifiers in a folder that holds none itself."""
    if (place / CLASSIFIER_FILE).is_file():
        return []
    return sorted(file.parent for file in place.glob(f"*/{CLASSIFIER_FILE}"))
