"""One page of YAML, or a few on top of one another."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from jcc_ros.training.config import ConfigError, TrainConfig, read_config

CONFIGS = Path(__file__).resolve().parents[2] / "config" / "train"
# Pages of one model's trainings, under its name.
FURTHER = {
    f"{name}-{which}": name
    for name in ("cifar10", "cifar100")
    for which in ("deep", "second", "third", "fourth")
}


@pytest.fixture
def write(tmp_path):
    def page(name: str, content: dict) -> object:
        (tmp_path / name).write_text(yaml.safe_dump(content))
        return tmp_path / name

    return page


def test_extends_merges_key_by_key(write, tiny_config):
    base = {**tiny_config, "represent": {"epochs": 1}, "screen": {}}
    write("base.yaml", base)
    write("middle.yaml", {"extends": "base.yaml", "name": "middle", "finetune": {"epochs": 7}})
    config = read_config(write("top.yaml", {"extends": "middle.yaml", "finetune": {"batch": 9}}))
    assert (config.name, config.finetune.epochs, config.finetune.batch) == ("middle", 7, 9)
    assert config.finetune.learning_rate == tiny_config["finetune"]["learning_rate"]
    assert config.steps == ("represent", "screen", "finetune", "calibrate")


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path):
    page = tmp_path / "page.yaml"
    page.write_text("name: a\nfinetune:\n  epochs: 3\n  batch: 8\n  epochs: 4\n")
    with pytest.raises(ConfigError, match=r"page\.yaml: line 5: the key epochs appears twice$"):
        read_config(page)


def test_a_page_may_say_that_it_extends_nothing(write, tiny_config):
    assert read_config(write("page.yaml", {**tiny_config, "extends": None})).name == "tiny"


def test_null_leaves_a_step_out(write, tiny_config):
    write("base.yaml", {**tiny_config, "teach": {"epochs": 1}, "represent": {"epochs": 1}})
    config = read_config(write("top.yaml", {"extends": "base.yaml", "represent": None}))
    assert config.steps == ("teach", "finetune", "calibrate")


@pytest.mark.parametrize("first", ["a.yaml", "./a.yaml", "folder/../b.yaml"])
def test_pages_that_extend_each_other_are_refused(write, tmp_path, first):
    (tmp_path / "folder").mkdir()
    write("b.yaml", {"extends": "a.yaml"})
    with pytest.raises(ConfigError, match="extends itself"):
        read_config(write("a.yaml", {"extends": first}))


def test_a_rank_above_the_width_is_refused(tiny_config):
    tiny_config["classifier"] = {"width": 8, "rank": 12}
    with pytest.raises(ValidationError, match="rank 12 is more than the width, 8"):
        TrainConfig.model_validate(tiny_config)


def test_missing_base_is_named(write):
    with pytest.raises(ConfigError, match=r"a\.yaml: extends: .*nowhere\.yaml is not a file"):
        read_config(write("a.yaml", {"extends": "nowhere.yaml"}))


@pytest.mark.parametrize("base", ["config/train/photos.yaml", "nowhere", "../photos"])
def test_a_base_is_told_where_it_was_looked_for(write, tmp_path, monkeypatch, base):
    write("a.yaml", {"extends": base})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read_config(Path("a.yaml"))
    tried = (tmp_path / base).resolve()
    assert f"a.yaml: extends: {tried} is not a file; give a path from" in str(caught.value)


def test_a_configuration_of_the_package_is_extended_by_name(write, tmp_path):
    (tmp_path / "photos").mkdir()  # of images
    config = read_config(write("a.yaml", {"extends": "photos", "name": "floor"}))
    shipped = read_config(CONFIGS / "photos.yaml")
    assert config == shipped.model_copy(update={"name": "floor"})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"screen": {}}, r"a\.yaml: screen chooses channels of the latent"),
        ({"represent": {"epochs": 1, "channels": 4}, "screen": {"least": 5}}, r"screen\.least 5"),
        ({"augment": {"crop": 1.5}}, r"augment\.crop"),
        ({"calibrate": {"coarsest": 1e9}}, r"calibrate\.coarsest"),
        ({"calibrate": {"finest": 4.0, "coarsest": 1.0}}, "calibrate: finest 4.0 is coarser than"),
        ({"finetune": {"epochs": 1, "steps": [4.0, 1.0]}}, "the finest comes first"),
        ({"finetune": {"epochs": 1, "rate_weight": float("inf")}}, r"finetune\.rate_weight"),
        ({"classifier": {"width": 5000}}, r"classifier\.width: .*4096"),
        ({"classifier": {"blocks": 65}}, r"classifier\.blocks: .*64"),
        ({"calibrate": {"prefixes": []}}, r"calibrate\.prefixes"),
        ({"finetune": {"epochs": 1, "batch": 1}}, r"finetune\.batch"),
        ({"seed": 2**40}, "seed"),
        ({"finetune": {"epoch": 3}}, r"finetune\.epoch: no such key; did you mean epochs\?"),
        (
            {"epochs": 3},
            r"yaml: epochs: .* mean teach\.epochs, represent\.epochs or finetune\.epochs\?$",
        ),
        ({"tolerance": 0.1}, r"tolerance: no such key; did you mean screen\.tolerance\?$"),
        ({"heights": 32}, r"heights: no such key; did you mean encoder\.input\.height\?$"),
        ({"calibrate": {"seed": 1}}, r"seed: no such key; did you mean seed at the top level\?$"),
        ({"xyzzy": 3}, "xyzzy: no such key$"),
        ({"augment": {"codec": {"name": "JPEG", "qualities": [9, 5]}}}, "the lowest comes first"),
    ],
)
def test_contradictions_are_refused(write, tiny_config, changes, reason):
    with pytest.raises(ConfigError, match=reason):
        read_config(write("a.yaml", {**tiny_config, **changes}))


@pytest.mark.parametrize("text", ["", "some words", "- 1"])
def test_what_is_no_page_is_told(tmp_path, text):
    file = tmp_path / "page.yaml"
    with pytest.raises(ConfigError, match=r"page\.yaml: No such file or directory$"):
        read_config(file)
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"page\.yaml: not a YAML mapping of keys"):
        read_config(file)


def test_pages_in_another_encoding_are_refused(tmp_path):
    file = tmp_path / "page.yaml"
    file.write_text("name: a\nabout: Käfer\n", encoding="latin-1")
    with pytest.raises(ConfigError, match=r"page\.yaml:2: not in UTF-8; save the file as UTF-8"):
        read_config(file)


@pytest.mark.parametrize("name", ["", "my model", "../up", "Käfer", "a\n", 201 * "a"])
def test_a_name_that_is_no_folder_s_says_what_is(write, tiny_config, name):
    with pytest.raises(ConfigError, match=r"name: '.*': expected .* letters .*, digits, - and _"):
        read_config(write("a.yaml", {**tiny_config, "name": name}))


@pytest.mark.parametrize("text", ["about: 2023-13-45", f"seed: {'9' * 5000}", "[" * 3000])
def test_pages_that_yaml_cannot_read_are_named(tmp_path, text):
    file = tmp_path / "page.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"page\.yaml: "):
        read_config(file)


@pytest.mark.parametrize("file", sorted(CONFIGS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_page_here_can_be_read(file):
    config = read_config(file)
    assert config.name == FURTHER.get(file.stem, file.stem)
    assert config.finetune.epochs > 0


@pytest.mark.parametrize(
    ("size", "stride", "latent"),
    [((48, 64), 4, (16, 3, 4)), ((96, 96), 6, (16, 4, 4)), ((224, 224), 14, (16, 4, 4))],
)
def test_stride_follows_the_input(write, size, stride, latent):
    page = {"extends": str(CONFIGS / "photos.yaml"), "name": "other"}
    page["encoder"] = {"input": dict(zip(("height", "width"), size, strict=True))}
    encoder = read_config(write("a.yaml", page)).encoder
    assert (encoder.stride, encoder.latent_shape) == (stride, latent)
    assert encoder.multiply_adds <= 20_000_000


def test_measured_values_cannot_be_set(write, tiny_config):
    tiny_config["encoder"]["mean"] = [0.1, 0.1, 0.1]
    with pytest.raises(ConfigError, match=r"encoder\.mean: measured on"):
        read_config(write("a.yaml", tiny_config))
