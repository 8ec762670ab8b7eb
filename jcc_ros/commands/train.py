"""Train a model from a configuration: networks, entropy tables, ladder.

The configuration lists the steps to run, out of teach, represent, screen, finetune and calibrate.
With --start, finetune goes on from the networks of an existing model. With --encoder, a new
classifier is trained for a deployed encoder, which stays as it is. With --recalibrate nothing is
trained, but a model gets new entropy tables and a new ladder.

Ctrl-C or SIGTERM loses at most the epoch that was running; --resume then goes on, with the same
result as without the interruption. To share the work among several processes, start them with
torchrun:

torchrun --nproc-per-node N --no-python -- jcc train ...
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jcc_ros.commands.arguments import positive, whole

if TYPE_CHECKING:
    import torch

    from jcc_ros.datasets.images import LabelledImages
    from jcc_ros.training.config import TrainConfig
    from jcc_ros.training.run import Run

# By the options that ask for them, how the names of their folders end.
_OTHER_RUNS = {"encoder": "-refit", "recalibrate": "-recalibrated"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "config",
        type=Path,
        metavar="CONFIG",
        help="configuration file, such as config/train/digits.yaml; it sets the NAME of the model",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="labelled images: .npz file (images, labels, classes), or folder CLASS/IMAGE",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write the model to this folder (default: models/NAME)",
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="write checkpoints and log to DIR/NAME (default: runs)",
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--only",
        choices=("teach", "represent", "screen", "finetune", "calibrate"),
        help="run only this step, on the checkpoints that the steps before it left in --runs",
    )
    part.add_argument(
        "--encoder",
        type=Path,
        metavar="MODEL",
        help="train only a classifier, for the encoder of this model (folder or name)",
    )
    part.add_argument(
        "--recalibrate",
        type=Path,
        metavar="MODEL",
        help="train nothing; build new entropy tables and a new ladder for this model (folder or "
        "name) from the images",
    )
    part.add_argument(
        "--benchmark",
        action="store_true",
        help="estimate how long an epoch of finetune takes without a teacher, and write no files",
    )
    parser.add_argument("--seed", type=_seed, metavar="N", help="replace the configuration's seed")
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="RUN_DIR",
        help="reuse the teacher of another run on the same images",
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="MODEL",
        help="finetune the networks of this model (folder or name) further; only its encoder "
        "if the classes, or the classifier's width or blocks, differ",
    )
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument(
        "--resume", action="store_true", help="continue an unfinished training after its last epoch"
    )
    earlier.add_argument(
        "--restart", action="store_true", help="discard an unfinished training and start anew"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="train on this device; auto: cuda if available, else cpu (default: auto)",
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="number of CPU threads (default: all cores)"
    )


def run(args: Namespace) -> int:
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)  # for scikit-learn, when it is imported
    import cv2
    import torch

    from jcc_ros.networks.model_folder import model_folder
    from jcc_ros.training.config import read_config
    from jcc_ros.training.precision import in_bfloat16
    from jcc_ros.training.processes import joined
    from jcc_ros.training.run import Run

    config = read_config(args.config)
    if args.seed is not None:
        config = config.model_copy(update={"seed": args.seed})
    out = args.out or Path("models") / config.name
    for option in ("encoder", "recalibrate", "start"):
        if getattr(args, option):
            setattr(args, option, model_folder(getattr(args, option)))
    _check(args, config, out)
    device = _device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    # Where float32 is meant, NVIDIA's shorter TF32 would show models that robots do not compute.
    torch.backends.cudnn.allow_tf32 = False
    bfloat16 = in_bfloat16(config, device)
    if args.benchmark:
        return _benchmark(args, config, device, bfloat16)
    place: Run | None = None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with joined(device) as (rank, processes, device):
            place = Run(args.runs / _run_name(args, config), device, bfloat16, rank, processes)
            _check_resumed(args, config, place)
            if not place.first:
                logging.disable(logging.WARNING)  # the first process says the same
            with place.alone():
                if not (args.resume or args.restart):
                    _check_unfinished(args, config, place)
                _train(args, config, place, out)
    except KeyboardInterrupt:
        if place is None or place.first:
            # Before this training is on record, --resume would go on with an earlier one.
            words = [*_command(), "--resume"] if place and place.recorded else _words()
            print(f"\ninterrupted; to go on: {shlex.join(words)}", file=sys.stderr)
        raise
    return 0


def _check(args: Namespace, config: TrainConfig, out: Path) -> None:
    """Refuse what does not go together, and a folder that no model can be written into.

    Raises:
        ConfigError: says what is to be changed.
    """
    from jcc_ros.training.config import ConfigError

    if args.teacher and not config.teach:
        raise ConfigError(f"{args.config}: has no step teach, so --teacher would have no effect")
    if args.start and (args.encoder or config.represent):
        other = "--encoder" if args.encoder else f"{args.config}: represent"
        raise ConfigError(f"{other} does not use --start: leave one of them out")
    if args.benchmark and (args.start or args.teacher):
        raise ConfigError("--benchmark only times new networks: leave out --start and --teacher")
    if args.recalibrate and (args.start or args.teacher):
        raise ConfigError("--recalibrate trains nothing: leave out --start and --teacher")
    if args.teacher and args.only == "teach":
        raise ConfigError("--only teach does not use --teacher: leave one of them out")
    before = args.start or args.recalibrate
    if before and _shares_files(before, out):
        raise ConfigError(
            f"{out}: the model to start from would be replaced; give --out another folder"
        )
    place = args.runs / _run_name(args, config)
    if not args.benchmark and not _is_writable(place):
        raise ConfigError(
            f"--runs {args.runs}: no checkpoints can be written there; give another folder"
        )
    written = args.only in (None, "calibrate") and not args.benchmark
    if written and not _is_writable(out):
        raise ConfigError(f"--out {out}: no model can be written there; give another folder")
    if written and out.resolve() == place.resolve():
        raise ConfigError(
            f"--out {out}: --runs keeps its checkpoints in this folder; give one of the two another"
        )
    if written and _has_a_card_of_its_own(out):
        raise ConfigError(
            f"--out {out}: there is a README.md but no model, and the model's would replace it; "
            f"give another folder, such as {out / config.name}"
        )
    if args.only and args.only not in config.steps:
        steps = ", ".join(config.steps)
        raise ConfigError(f"{args.config}: has no step {args.only}; its steps are {steps}")


def _shares_files(before: Path, out: Path) -> bool:
    """Say whether a model in one folder would be replaced by one written into the other."""
    from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE

    # A link into the other folder goes on to be one: what is written there replaces the file here.
    halves = [(out / file, before / file) for file in (ENCODER_FILE, CLASSIFIER_FILE)]
    linked = any(new.exists() and old.exists() and new.samefile(old) for new, old in halves)
    return linked or before.resolve() == out.resolve()


def _is_writable(folder: Path) -> bool:
    """Say whether files can be written into a folder, which may have to be made first."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _has_a_card_of_its_own(out: Path) -> bool:
    """Say whether a folder has a file where the model card goes, but no half of a model."""
    from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE
    from jcc_ros.training.card import CARD_FILE

    halves = any((out / file).is_file() for file in (ENCODER_FILE, CLASSIFIER_FILE))
    return (out / CARD_FILE).exists() and not halves


def _check_resumed(args: Namespace, config: TrainConfig, place: Run) -> None:
    """Refuse to start the training where what there is to resume was another kind of run.

    Raises:
        RunError: names the option that is missing.
    """
    from jcc_ros.training.errors import RunError
    from jcc_ros.training.record import Record

    if not args.resume or args.encoder or args.recalibrate or place.begun():
        return
    for option, ending in _OTHER_RUNS.items():
        other = args.runs / f"{config.name}{ending}"
        if Record.read(other):
            raise RunError(
                f"nothing to resume in {place.folder}, but there is {other}: add --{option} "
                "MODEL to go on with that, or leave out --resume to train a new model"
            )


def _check_unfinished(args: Namespace, config: TrainConfig, place: Run) -> None:
    """Refuse to discard what a training has reached that did not end.

    Raises:
        RunError: names the options that say what to do with it.
    """
    from jcc_ros.training.checkpoint import interrupted
    from jcc_ros.training.errors import RunError

    if args.only:
        repeated = config.steps[config.steps.index(args.only) :]
        step = interrupted(place, repeated)
        unfinished = f"an unfinished {step}" if step else ""
    else:
        unfinished = "an unfinished training" if place.unfinished() else ""
    if unfinished:
        raise RunError(
            f"{place.folder} holds {unfinished}: --resume goes on with it, --restart discards it"
        )


def _run_name(args: Namespace, config: TrainConfig) -> str:
    """Return a folder of its own for what may follow a training, whose checkpoints stay wanted."""
    endings = (ending for option, ending in _OTHER_RUNS.items() if getattr(args, option))
    return config.name + next(endings, "")


def _train(args: Namespace, config: TrainConfig, place: Run, out: Path) -> None:
    from jcc_ros.training.recalibrate import recalibrate
    from jcc_ros.training.refit import refit
    from jcc_ros.training.train import train

    data = _data(args, config)
    if place.first:
        _announce(args, config, data, place, out)
    command = shlex.join(_command())
    if args.encoder:
        refit(config, args.encoder, data, place, out, args.resume, args.teacher, command)
    elif args.recalibrate:
        recalibrate(config, args.recalibrate, data, place, out, command)
    else:
        train(
            *(config, data, place, out, args.resume, args.only),
            *(args.teacher, args.start, command),
        )
    if place.first and args.only in (None, "calibrate"):
        print(f"{out}: encoder.safetensors for the robot, classifier.safetensors for the host")


def _announce(
    args: Namespace, config: TrainConfig, data: LabelledImages, place: Run, out: Path
) -> None:
    from jcc_ros.datasets.images import counted

    found = f"{counted(len(data), 'image')}, {counted(len(data.classes), 'class')}"
    steps = args.only or ", ".join(config.steps)
    if args.encoder:
        steps = f"a classifier for the encoder of {args.encoder}"
    elif args.recalibrate:
        steps = f"calibrate, with the networks of {args.recalibrate}"
    elif args.start:
        steps += f", from the networks of {args.start}"
    print(f"{config.name}: {steps}", flush=True)
    print(f"{found}, on {place.processes} x {place.device.type}", flush=True)
    if args.resume and not place.begun():
        print(f"nothing to resume in {place.folder}: starting from the beginning", flush=True)
    if args.only in (None, "calibrate") and any(out.glob("*.safetensors")):
        model = " ".join(filter(None, ("the model", _model_in(out), f"in {out}")))
        print(f"{model} will be replaced when the training is finished", flush=True)


def _model_in(out: Path) -> str:
    """Return name and id of the model in a folder; nothing if its classifier cannot be read."""
    from jcc_ros.networks.architecture import ClassifierConfig
    from jcc_ros.networks.model_file import CLASSIFIER_FILE, ModelFileError, read_model_file

    try:
        content = read_model_file(out / CLASSIFIER_FILE, "classifier", ClassifierConfig)
    except ModelFileError:
        return ""
    return f"{content.name} ({content.codec.model_id[:8]})"


def _benchmark(args: Namespace, config: TrainConfig, device: torch.device, bfloat16: bool) -> int:
    import torch

    from jcc_ros.training.benchmark import seconds_per_epoch

    data = _data(args, config)
    seconds = seconds_per_epoch(config, data, device, bfloat16)
    place = f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else device.type
    epoch = "an epoch of finetune" + (" without its teacher" if config.teach else "")
    print(f"{config.name}: {seconds:.1f} s for {epoch}, {len(data)} images, {place}")
    return 0


def _data(args: Namespace, config: TrainConfig) -> LabelledImages:
    from jcc_ros.datasets.digits import digits
    from jcc_ros.datasets.files import load
    from jcc_ros.training.config import ConfigError

    if config.data == "digits":
        if args.data:
            raise ConfigError(f"{args.config}: trains on digits; to use --data, set `data: files`")
        return digits("train").resized(config.encoder.input)
    if not args.data:
        raise ConfigError(
            f"{args.config}: trains on files; give --data PATH, "
            "an .npz (images, labels, classes) or a folder CLASS/IMAGE"
        )
    return load(args.data, config.encoder.input, args.threads)


def _device(name: str) -> torch.device:
    import torch

    from jcc_ros.training.config import ConfigError

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    elif name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch finds no usable CUDA device here")
    return torch.device(name)


def _command() -> list[str]:
    """Return the words that started this training, but for how they treat an earlier one."""
    return [word for word in _words() if word not in ("--resume", "--restart")]


def _words() -> list[str]:
    """Return the words that started this process, those of torchrun before them.

    Bytes of a path that are no text are written out: model files and logs are text.
    """
    words = [os.fsencode(word).decode(errors="backslashreplace") for word in sys.argv[1:]]
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    processes = os.environ.get("LOCAL_WORLD_SIZE") if by_torchrun else None
    # Without "--" torchrun takes --start for an option of its own.
    started = ["torchrun", "--nproc-per-node", processes, "--no-python", "--"] if processes else []
    return [*started, "jcc", *words]


def _seed(text: str) -> int:
    from jcc_ros.training.config import MAX_SEED

    return whole(text, 0, MAX_SEED)
