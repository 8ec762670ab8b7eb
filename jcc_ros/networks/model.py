"""Both halves of a model."""

from pathlib import Path

from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder
from jcc_ros.networks.model_file import ModelFileError


def load_model(folder: Path) -> tuple[EncoderModel, ClassifierModel]:
    """Read both halves, for the CPU and one thread each: a measurement has many batches at once.

    Raises:
        ModelFileError: as the single loaders do, and if the halves do not belong together.
    """
    encoder, classifier = load_encoder(folder), load_classifier(folder, threads=1)
    if encoder.codec.model_id != classifier.codec.model_id:
        raise ModelFileError(
            f"{folder}: the encoder has model id {encoder.codec.model_id}, "
            f"the classifier {classifier.codec.model_id}; use two files from the same training"
        )
    return encoder, classifier
