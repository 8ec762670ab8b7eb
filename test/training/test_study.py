"""The trainings of a study differ in what is studied, and in nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import load, save_npz
from jcc_ros.networks.preprocess import Preprocess
from jcc_ros.training.config import TrainConfig, read_config

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "config" / "train" / "study"
SQUARE = STUDY / "square"
EPOCHS = {STUDY: 30, SQUARE: 30, STUDY / "light": 30, STUDY / "tiny": 30, STUDY / "short": 6}
STUDIES = {
    (folder, data): [read_config(file) for file in sorted(folder.glob(f"{data}-*.yaml"))]
    for folder in EPOCHS
    for data in ("cifar10", "cifar100")
}
PAGES = [
    pytest.param(folder, page, id=page.name)
    for (folder, _), pages in STUDIES.items()
    for page in pages
]
ON_ROBOT = {"on-robot", "on-robot-plain"}
LEARNING_RATES = {"half-learning-rate": 0.5, "double-learning-rate": 2.0}
RATE_WEIGHTS = {"double-weight": 2.0, "large-latent": 0.2}
UNQUANTISED = {"unquantised", "jpeg", "webp"} | ON_ROBOT


def variant(config: TrainConfig) -> str:
    name = config.name.partition("-")[2]
    for suffix in ("-short", "-light", "-tiny", "-square"):
        name = name.removesuffix(suffix)
    return name


def test_what_is_studied():
    found = {key: {variant(page) for page in pages} for key, pages in STUDIES.items()}
    every = {"full", "baseline", "teacher", "unquantised", "jpeg", "webp"} | ON_ROBOT
    extras = {"no-warm-up", "one-table", "no-average"} | set(LEARNING_RATES)
    assert found == {
        (STUDY, "cifar10"): every
        | {"mcr2", "no-invariance", "inverted", "large-latent", "one-density", "reduction"},
        (STUDY, "cifar100"): every
        | {"mcr2", "invariance", "no-invariance", "two-teachers"}
        | {"one-density", "no-warm-up", "double-learning-rate", "reduction"},
        (SQUARE, "cifar10"): {"baseline", "full", "reduction"},
        (SQUARE, "cifar100"): {"baseline", "double-weight", "full"},
        (STUDY / "light", "cifar10"): {"baseline", "full", "large-latent", "on-robot"},
        (STUDY / "light", "cifar100"): {"baseline", "on-robot", "again"},
        (STUDY / "tiny", "cifar10"): {"baseline", "on-robot"},
        (STUDY / "tiny", "cifar100"): set(),
        (STUDY / "short", "cifar10"): {"baseline", "invariance", "reduction"} | extras,
        (STUDY / "short", "cifar100"): set(),
    }


@pytest.mark.parametrize(("folder", "page"), PAGES)
def test_everyone_sees_the_images_equally_often(folder, page):
    seen = page.finetune.epochs + (page.represent.epochs if page.represent else 0)
    assert seen == EPOCHS[folder]


@pytest.mark.parametrize(("folder", "page"), PAGES)
def test_encoder_data_and_learning_are_the_same(folder, page):
    (base,) = (
        other
        for other in STUDIES[folder, page.name.partition("-")[0]]
        if variant(other) == "baseline"
    )
    assert (page.encoder == base.encoder) == (variant(page) not in {"inverted", "large-latent"})
    assert page.encoder.multiply_adds <= base.encoder.multiply_adds
    assert (page.classifier == base.classifier) == (variant(page) not in ON_ROBOT)
    assert page.validation == base.validation
    assert page.augment.model_copy(update={"codec": None}) == base.augment
    studied = {"epochs"}
    if variant(page) in UNQUANTISED:
        assert page.finetune.steps == (1e-4, 1e-4)
        assert page.finetune.full_prefix == 1
        studied |= {"rate_weight", "steps", "full_prefix"}
    elif page.teach:
        # A teacher's loss is larger: so is the price of a bit.
        times = 3 if folder == SQUARE else 2
        assert page.finetune.rate_weight == pytest.approx(times * base.finetune.rate_weight)
        studied |= {"rate_weight"}
    elif times := RATE_WEIGHTS.get(variant(page)):
        assert page.finetune.rate_weight == pytest.approx(times * base.finetune.rate_weight)
        studied |= {"rate_weight"}
    elif variant(page) == "no-warm-up":
        assert page.finetune.rate_warm_up == 0 < base.finetune.rate_warm_up
        studied |= {"rate_warm_up"}
    elif variant(page) == "one-density":
        assert base.finetune.rate_by_class
        assert not page.finetune.rate_by_class
        studied |= {"rate_by_class"}
    elif times := LEARNING_RATES.get(variant(page)):
        assert page.finetune.learning_rate == times * base.finetune.learning_rate
        studied |= {"learning_rate"}
    elif variant(page) == "reduction":
        assert page.finetune.reduction > 0 == base.finetune.reduction
        times = 2 if page.name.startswith("cifar100") else 1
        assert page.finetune.rate_weight == pytest.approx(times * base.finetune.rate_weight)
        studied |= {"reduction", "rate_weight"}
    elif variant(page) == "no-average":
        assert page.finetune.average == 0 < base.finetune.average
        studied |= {"average"}
    assert page.finetune.rate_power == (2 if folder == SQUARE else 1)
    assert page.finetune.model_dump(exclude=studied) == base.finetune.model_dump(exclude=studied)


@pytest.mark.parametrize(("folder", "page"), PAGES)
def test_steps_are_those_of_the_name(folder, page):
    name = variant(page)
    networks = dict.fromkeys(("teacher", "full", "no-invariance"), 1) | {"two-teachers": 2}
    if folder == STUDY:
        networks["on-robot"] = 1
    assert (page.teach.networks if page.teach else None) == networks.get(name)
    screened = {"mcr2", "invariance", "full", "no-invariance", "two-teachers"}
    assert (page.screen is not None) == (name in screened)
    assert bool(page.represent and page.represent.invariance) == (name in {"invariance", "full"})
    codec = {"jpeg": "JPEG", "webp": "WebP"}.get(name)
    assert (page.augment.codec.name if page.augment.codec else None) == codec


def test_few_of_many_images_are_studied_with_and_without_two_things():
    pages = {page.name: page for page in map(read_config, (STUDY / "few").glob("*.yaml"))}
    base = pages["few-baseline"]
    assert (base.finetune.rate_power, base.finetune.reduction) == (1.0, 0.0)
    changes = {
        "few-baseline": {},
        "few-baseline-square": {"rate_power": 2.0},
        "few-reduction": {"reduction": 1.0},
        "few-reduction-square": {"rate_power": 2.0, "reduction": 1.0},
    }
    for name, change in changes.items():
        finetune = base.finetune.model_copy(update=change)
        assert pages.pop(name) == base.model_copy(update={"name": name, "finetune": finetune})
    assert not pages


def test_few_images_are_as_many_of_every_class_and_always_the_same(tmp_path):
    save_npz(digits("test"), tmp_path / "test.npz")
    for file in "few.npz", "again.npz":
        made = [sys.executable, ROOT / "tools" / "few.py", "test.npz", file, "7"]
        subprocess.run(made, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    few, again = (
        load(tmp_path / file, Preprocess(height=32, width=32)) for file in ("few.npz", "again.npz")
    )
    assert few.sha256 == again.sha256
    assert np.bincount(few.labels).tolist() == [7] * 10
    images = {image.tobytes() for image in digits("test").images}
    assert all(image.tobytes() in images for image in few.images)


@pytest.mark.parametrize("data", ["digits", "photos"])
def test_few_images_are_studied_as_shipped_with_and_without_reduction(data):
    shipped = read_config(STUDY.parent / f"{data}.yaml")
    found = [read_config(file) for file in sorted(STUDY.glob(f"{data}-*.yaml"))]
    weights = {"baseline": 0.0, "reduction": shipped.finetune.reduction}
    assert shipped.finetune.reduction > 0
    assert found == [
        shipped.model_copy(
            update={
                "name": f"{data}-{name}",
                "finetune": shipped.finetune.model_copy(update={"reduction": weight}),
            }
        )
        for name, weight in weights.items()
    ]


@pytest.mark.parametrize(
    ("folder", "data", "share"),
    [
        (STUDY, "cifar10", 0.04),
        (STUDY, "cifar100", 0.04),
        (STUDY / "light", "cifar10", 0.09),
        (STUDY / "light", "cifar100", 0.09),
        (STUDY / "tiny", "cifar10", 0.09),
    ],
)
def test_the_on_robot_classifier_costs_hardly_more_than_the_encoder(folder, data, share):
    (page,) = (page for page in STUDIES[folder, data] if variant(page) == "on-robot")
    channels, height, width = page.encoder.latent_shape
    head = page.classifier.shape(channels, classes=100).multiply_adds(height, width)
    assert head < share * page.encoder.multiply_adds


@pytest.mark.parametrize(
    ("folder", "data", "times"),
    [("light", "cifar10", 6), ("light", "cifar100", 6), ("tiny", "cifar10", 18)],
)
def test_smaller_encoders_are_all_that_differs(folder, data, times):
    (small,) = (page for page in STUDIES[STUDY / folder, data] if variant(page) == "baseline")
    (base,) = (page for page in STUDIES[STUDY, data] if variant(page) == "baseline")
    cost = base.encoder.multiply_adds / times
    assert small.encoder.multiply_adds == pytest.approx(cost, rel=0.03)
    assert small.model_copy(update={"encoder": base.encoder, "name": base.name}) == base


@pytest.mark.parametrize(("folder", "page"), PAGES)
def test_screening_does_not_make_the_latent_smaller_than_the_others_are(folder, page):
    assert page.screen is None or page.screen.least >= page.encoder.channels
