"""What training leaves: two folded halves, calibrated together, in the files that nodes load."""

import logging
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.datasets.images import LabelledImages
from jcc_ros.datasets.writing import replacing_together
from jcc_ros.networks.classifier import Classifier
from jcc_ros.networks.classifier import deploy as deploy_classifier
from jcc_ros.networks.classifier_model import ClassifierModel, save_classifier
from jcc_ros.networks.encoder import Encoder
from jcc_ros.networks.encoder import deploy as deploy_encoder
from jcc_ros.networks.encoder_model import EncoderModel, save_encoder
from jcc_ros.training.calibrate import calibrate
from jcc_ros.training.card import write_card
from jcc_ros.training.confidence import best_guesses
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.guessing import warn_of_guessing
from jcc_ros.training.loop import encoded
from jcc_ros.training.run import Run

_log = logging.getLogger(__name__)


def publish(
    encoder: Encoder,
    classifier: Classifier,
    learn: LabelledImages,
    validation: LabelledImages,
    config: TrainConfig,
    provenances: tuple[dict[str, Any], dict[str, Any]],
    run: Run,
    out: Path,
) -> None:
    """Calibrate two folded halves, rounded as they travel; write model files and card into `out`.

    Args:
        learn: images that the tables are counted on.
        validation: images that the operating points are measured on.
        provenances: how encoder and classifier were made, JSON values.
    Raises:
        RunError: no operating point can be coded.
    """
    ladder = calibrate(encoder, classifier, learn, validation, config.calibrate)
    codec = LatentCodec(ladder)
    run.log.rewind("calibrate")
    for index, point in enumerate(ladder):
        run.log.add(
            "calibrate",
            point=index,
            step=round(point.step, 4),
            prefix=point.prefix,
            bits=round(point.bits, 1),
            validation_accuracy=round(point.accuracy, 4),
        )
    bits = f"{ladder[0].bits:.1f} to {ladder[-1].bits:.1f} bits"
    tqdm.write(f"operating points: {len(ladder)}, from {bits}")
    latents = encoded(encoder, validation, encoder.mean.device).numpy()
    guesses = best_guesses(classifier, codec, latents)
    warn_of_guessing(config.name, guesses, validation.labels)
    if len(ladder) == 1 < config.calibrate.points:
        _log.warning(
            "%s: a single operating point, so the bit rate cannot be chosen: more bits do not make "
            "the classifier better; train with more images or more epochs",
            config.name,
        )
    robot = EncoderModel(config.name, deploy_encoder(encoder), codec, provenances[0])
    network = deploy_classifier(classifier)
    host = ClassifierModel(config.name, network, codec, learn.classes, provenances[1])
    with replacing_together(out) as folder:
        save_encoder(robot, folder)
        save_classifier(host, folder)
        write_card(robot, host, folder)
    run.finish()
