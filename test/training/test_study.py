"""The trainings of a study differ in what is studied, and in nothing else."""

from pathlib import Path

import pytest

from jcc_ros.training.config import TrainConfig, read_config

CONFIGS = Path(__file__).resolve().parents[2] / "config" / "train"
STUDIES = {
    data: [read_config(file) for file in sorted((CONFIGS / "study").glob(f"{data}-*.yaml"))]
    for data in ("cifar10", "cifar100")
}
PAGES = [page for pages in STUDIES.values() for page in pages]
BASELINES = {"baseline", "jpeg", "webp", "on-robot"}


def variant(config: TrainConfig) -> str:
    return config.name.partition("-")[2]


def test_what_is_studied():
    extras = {"teacher", "no-warm-up", "inverted", "one-table", "no-average"}
    assert {variant(page) for page in STUDIES["cifar10"]} == BASELINES | extras | {"full"}
    steps = {"mcr2", "invariance", "full", "teacher", "no-warm-up"}
    assert {variant(page) for page in STUDIES["cifar100"]} == BASELINES | steps


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everyone_sees_the_images_equally_often(page):
    assert page.finetune.epochs + (page.represent.epochs if page.represent else 0) == 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_encoder_data_and_learning_are_the_same(page):
    data = page.name.partition("-")[0]
    base = read_config(CONFIGS / "study" / f"{data}-baseline.yaml")
    assert (page.encoder == base.encoder) == (variant(page) != "inverted")
    assert page.validation == base.validation
    assert page.augment.model_copy(update={"codec": None}) == base.augment
    studied = {"epochs", "average"}
    if page.teach:
        # A teacher's loss is larger: so may be the price of a bit.
        assert page.finetune.rate_weight / base.finetune.rate_weight in {1, 2}
        studied |= {"rate_weight"}
    elif variant(page) == "no-warm-up":
        assert page.finetune.rate_warm_up == 0 < base.finetune.rate_warm_up
        studied |= {"rate_warm_up"}
    elif variant(page) in BASELINES - {"baseline"}:
        assert page.finetune.steps == (1e-4, 1e-4)
        assert page.finetune.full_prefix == 1
        studied |= {"rate_weight", "steps", "full_prefix"}
    assert page.finetune.model_dump(exclude=studied) == base.finetune.model_dump(exclude=studied)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_steps_are_those_of_the_name(page):
    name = variant(page)
    assert (page.teach is not None) == (name in {"teacher", "full"})
    assert (page.screen is not None) == (name in {"mcr2", "invariance", "full"})
    assert bool(page.represent and page.represent.invariance) == (name in {"invariance", "full"})
    codec = {"jpeg": "JPEG", "webp": "WebP"}.get(name)
    assert (page.augment.codec.name if page.augment.codec else None) == codec


def test_the_long_on_robot_training_differs_from_the_other_in_the_split_alone():
    long = CONFIGS / "study" / "long"
    page, other = (
        read_config(long / f"cifar100-{name}-long.yaml") for name in ("on-robot", "teacher")
    )
    short = read_config(CONFIGS / "study" / "cifar100-on-robot.yaml")
    assert (page.encoder, page.augment, page.teach) == (other.encoder, other.augment, other.teach)
    assert page.classifier == short.classifier
    split = {"steps", "rate_weight", "full_prefix"}
    assert page.finetune.model_dump(include=split) == short.finetune.model_dump(include=split)
    assert page.finetune.model_dump(exclude=split) == other.finetune.model_dump(exclude=split)


@pytest.mark.parametrize("pages", STUDIES.values(), ids=STUDIES)
def test_the_on_robot_classifier_costs_hardly_more_than_the_encoder(pages):
    (page,) = (page for page in pages if variant(page) == "on-robot")
    channels, height, width = page.encoder.latent_shape
    head = page.classifier.shape(channels, classes=100).multiply_adds(height, width)
    assert head < 0.04 * page.encoder.multiply_adds


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_screening_does_not_make_the_latent_smaller_than_the_others_are(page):
    assert page.screen is None or page.screen.least >= page.encoder.channels
