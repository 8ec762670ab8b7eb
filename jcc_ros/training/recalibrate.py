"""New entropy tables and a new ladder for networks that learn nothing more.

For images of another kind than those that a model learnt from, of another camera or place: tables
fit what is sent, the ladder tells what robot and host will see, and scores how sure to be.
"""

from pathlib import Path

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.networks.classifier import frozen as frozen_classifier
from jcc_ros.networks.encoder import frozen as frozen_encoder
from jcc_ros.networks.model import load_model
from jcc_ros.training.coding import delivered
from jcc_ros.training.config import TrainConfig
from jcc_ros.training.provenance import provenance, subject
from jcc_ros.training.publish import publish
from jcc_ros.training.run import Run
from jcc_ros.training.split import split, write_split
from jcc_ros.training.start import Deployed, check_encoder, held_before


def recalibrate(
    config: TrainConfig,
    folder: Path,
    data: LabelledImages,
    run: Run,
    out: Path,
    command: str = "",
) -> None:
    """Calibrate the model in `folder` anew, as the configuration's calibrate says, into `out`.

    Args:
        data: images of the model's classes, by their names; some classes may have none.
        command: that started this, for the model card.
    Raises:
        ConfigError: the configuration asks for another encoder.
        DataError: classes that the model does not know, or too few images of one.
        ModelFileError: a file of the model is missing or damaged.
        RunError: no operating point can be coded.
    """
    robot, host = load_model(folder)
    check_encoder(config, robot)
    config = held_before(config, Deployed(folder, robot, host), data.sha256)
    known = data.matched(host.classes)
    learnt, held = split(data.without_empty_classes(), config.validation)
    run.begin(subject(config, data, model=robot.codec.model_id), resume=False)
    if not run.first:
        return
    write_split(data, held, run.folder)
    learn, validation = known.subset(learnt), delivered(known.subset(held), config.augment.codec)
    told = {"calibration": provenance(config, data, held, run, command)}
    publish(
        frozen_encoder(robot.network).to(run.device),
        frozen_classifier(host.network).to(run.device),
        learn,
        validation,
        config,
        ({**robot.provenance, **told}, {**host.provenance, **told}),
        run,
        out,
    )
