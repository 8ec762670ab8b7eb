"""Model files: what is written is read back, and everything else is refused by name."""

import ast
import copy
import json
import os
import pickle
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import jcc_ros
from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.networks.classifier_model import ClassifierModel, load_classifier, save_classifier
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.deployed_encoder import DeployedEncoder
from jcc_ros.networks.encoder_model import EncoderModel, load_encoder, save_encoder
from jcc_ros.networks.int8 import pack, unpack
from jcc_ros.networks.model import load_model
from jcc_ros.networks.model_file import CLASSIFIER_FILE, ENCODER_FILE, ModelFileError

Halves = tuple[EncoderModel, ClassifierModel]
LOADERS = {ENCODER_FILE: load_encoder, CLASSIFIER_FILE: load_classifier}
both_files = pytest.mark.parametrize("name", [ENCODER_FILE, CLASSIFIER_FILE])


def refused(folder: Path, name: str, why: str) -> str:
    """Return the refusal of a file; it names the file and `why`, a pattern."""
    with pytest.raises(ModelFileError) as caught:
        LOADERS[name](folder)
    text = str(caught.value)
    assert text.startswith(f"{folder / name}: ")
    assert re.search(why, text, re.IGNORECASE), text
    return text


def rewrite(file: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], Any]) -> None:
    """Let `change` modify a file's description and tensors in place."""
    with safe_open(file, framework="pt") as found:
        description = json.loads(found.metadata()["jcc_ros"])
        tensors = {key: found.get_tensor(key).clone() for key in found.keys()}  # noqa: SIM118
    change(description, tensors)
    save_file(tensors, file, metadata={"jcc_ros": json.dumps(description)})


def weights_of(model: EncoderModel | ClassifierModel) -> list[np.ndarray]:
    """Return all weights and biases, in order."""
    return [array for pair in model.network.weights for array in pair]


# Round trips


def test_both_halves_survive_bit_exactly(halves: Halves, folder: Path) -> None:
    for saved, loaded in zip(halves, load_model(folder), strict=True):
        assert loaded.name == saved.name
        assert loaded.provenance == saved.provenance
        assert loaded.network.config == saved.network.config
        assert loaded.codec.model_id == saved.codec.model_id
        for ours, theirs in zip(weights_of(saved), weights_of(loaded), strict=True):
            np.testing.assert_array_equal(theirs, ours)
            assert theirs.dtype == np.float32
        for ours, theirs in zip(saved.codec.ladder, loaded.codec.ladder, strict=True):
            assert (ours.step, ours.prefix) == (theirs.step, theirs.prefix)
            assert (ours.bits, ours.accuracy) == (theirs.bits, theirs.accuracy)
            assert ours.temperature == theirs.temperature
            assert ours.table.lowest == theirs.table.lowest
            for part in ("rows", "indexes", "shares"):
                np.testing.assert_array_equal(
                    getattr(ours.table, part), getattr(theirs.table, part)
                )


def test_a_loaded_model_computes_what_the_saved_one_did(
    halves: Halves, folder: Path, rng: np.random.Generator
) -> None:
    encoder, classifier = load_model(folder)
    assert classifier.classes == halves[1].classes
    image = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    latent = encoder.latent(image)
    np.testing.assert_allclose(latent, halves[0].latent(image), rtol=1e-4, atol=1e-5)
    packet = encoder.codec.encode(latent, 1)
    assert packet == halves[0].codec.encode(latent, 1)
    received = classifier.codec.decode(packet)[None]
    np.testing.assert_allclose(
        classifier.scores(received, 1), halves[1].scores(received, 1), rtol=1e-4, atol=1e-5
    )


def test_weights_rounded_to_half_take_half_the_space_and_stay_the_same(
    halves: Halves, folder: Path, tmp_path: Path
) -> None:
    robot, host = halves
    rounded = (
        replace(robot, network=DeployedEncoder(robot.network.config, halved(robot))),
        replace(host, network=DeployedClassifier(host.network.config, halved(host))),
    )
    save_encoder(rounded[0], tmp_path / "half")
    save_classifier(rounded[1], tmp_path / "half")
    loaded = load_model(tmp_path / "half")
    for name, before, after in zip(LOADERS, rounded, loaded, strict=True):
        count = sum(array.size for array in weights_of(before))
        spared = (folder / name).stat().st_size - (tmp_path / "half" / name).stat().st_size
        assert spared == pytest.approx(2 * count, abs=200)
        for ours, theirs in zip(weights_of(before), weights_of(after), strict=True):
            assert theirs.dtype == np.float32
            np.testing.assert_array_equal(theirs, ours)


def test_weights_rounded_to_bytes_take_a_byte_each_and_stay_the_same(
    halves: Halves, folder: Path, tmp_path: Path
) -> None:
    host = halves[1]
    weights = [(unpack(*pack(weight)), bias) for weight, bias in host.network.weights]
    rounded = replace(host, network=DeployedClassifier(host.network.config, weights))
    save_classifier(rounded, tmp_path / "bytes")
    with safe_open(tmp_path / "bytes" / CLASSIFIER_FILE, framework="np") as file:
        for index, (weight, _) in enumerate(weights):
            stored = file.get_tensor(f"network.{index}.weight")
            assert (stored.dtype, stored.size) == (np.int8, weight.size)
    loaded = load_classifier(tmp_path / "bytes")
    for ours, theirs in zip(weights_of(rounded), weights_of(loaded), strict=True):
        assert theirs.dtype == np.float32
        np.testing.assert_array_equal(theirs, ours)


def halved(model: EncoderModel | ClassifierModel) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights that half precision can hold."""
    return [
        (weight.astype(np.float16).astype(np.float32), bias.astype(np.float16).astype(np.float32))
        for weight, bias in model.network.weights
    ]


def test_saving_again_gives_the_same_bytes(halves: Halves, folder: Path, tmp_path: Path) -> None:
    encoder, classifier = load_model(folder)
    save_encoder(encoder, tmp_path / "again")
    save_classifier(classifier, tmp_path / "again")
    for name in LOADERS:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_saving_leaves_files_that_others_may_read_and_nothing_else(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(LOADERS)
    (folder / "plain").touch()
    for name in LOADERS:
        mode = stat.S_IMODE((folder / name).stat().st_mode)
        assert mode == stat.S_IMODE((folder / "plain").stat().st_mode)


def test_the_robots_file_holds_nothing_of_the_classifier(folder: Path) -> None:
    with safe_open(folder / ENCODER_FILE, framework="pt") as encoder:
        assert "classes" not in json.loads(encoder.metadata()["jcc_ros"])["architecture"]
        assert json.loads(encoder.metadata()["jcc_ros"])["classes"] == []


def test_a_symbolic_link_is_as_good_as_the_file(folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in LOADERS:
        (linked / name).symlink_to(folder / name)
    load_model(linked)


# Files that are none


@both_files
def test_refuses_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name, "no such file")
    refused(folder / "nowhere", name, "no such file")


@both_files
def test_refuses_a_directory(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder, name, "no such file")


def test_refuses_a_link_to_itself(folder: Path) -> None:
    (folder / ENCODER_FILE).unlink()
    (folder / ENCODER_FILE).symlink_to(folder / ENCODER_FILE)
    refused(folder, ENCODER_FILE, "no such file|symbolic link")


@both_files
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_refuses_a_truncated_file(folder: Path, name: str, kept: float) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(kept * len(data))])
    refused(folder, name, "header")


@both_files
def test_refuses_a_file_that_goes_on(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as file:
        file.write(b"more")
    refused(folder, name, "header")


@both_files
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_a_file_that_it_may_not_read(folder: Path, name: str) -> None:
    (folder / name).chmod(0)
    refused(folder, name, "permission denied")


def test_refuses_a_file_that_would_fill_the_memory(folder: Path) -> None:
    os.truncate(folder / ENCODER_FILE, (1 << 30) + 1)
    refused(folder, ENCODER_FILE, "the file is larger than 1073741824 bytes")


@pytest.mark.parametrize("data", [b"\xff" * 100, b"\0" * 100, b"\x08" + b"\0" * 7 + b"{}      "])
def test_refuses_other_bytes(folder: Path, data: bytes) -> None:
    (folder / ENCODER_FILE).write_bytes(data)
    refused(folder, ENCODER_FILE, "header|no jcc_ros|not a jcc_ros")


def test_refuses_a_safetensors_file_of_another_kind(folder: Path) -> None:
    save_file({"weight": torch.zeros(3)}, folder / ENCODER_FILE)
    refused(folder, ENCODER_FILE, "not a jcc_ros model file")
    save_file({"weight": torch.zeros(3)}, folder / ENCODER_FILE, metadata={"format": "pt"})
    refused(folder, ENCODER_FILE, "not a jcc_ros model file")


def test_refuses_the_other_half(folder: Path) -> None:
    (folder / ENCODER_FILE).replace(folder / CLASSIFIER_FILE)
    refused(folder, CLASSIFIER_FILE, "the file contains the encoder, expected the classifier")


def test_refuses_a_pickle_and_does_not_open_it(folder: Path) -> None:
    touched = folder / "touched"

    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (touched,)

    (folder / ENCODER_FILE).write_bytes(pickle.dumps(Bomb()))
    refused(folder, ENCODER_FILE, "header")
    torch.save({"weight": Bomb()}, folder / ENCODER_FILE)
    refused(folder, ENCODER_FILE, "header")
    assert not touched.exists()


def test_no_code_can_unpickle() -> None:
    banned = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    package = Path(jcc_ros.__file__).parent
    files = sorted(package.rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module).split(".")[0]]
                if names == ["torch"]:
                    assert "load" not in {alias.name for alias in node.names}, file
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert not re.fullmatch(r"torch\.(\w+\.)*load", called), f"{file}: {called}"
                for keyword in node.keywords:
                    if keyword.arg == "allow_pickle":
                        assert ast.unparse(keyword.value) == "False", file
            assert not banned & set(names), f"{file} imports {names}"


@both_files
def test_a_damaged_header_is_refused_or_harmless(
    halves: Halves, folder: Path, name: str, rng: np.random.Generator
) -> None:
    """Nothing escapes but ModelFileError, and no damage to tables or weights goes unseen."""
    data = (folder / name).read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    for bit in rng.choice(8 * header, 400, replace=False):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(damaged)
        with suppress(ModelFileError):
            assert LOADERS[name](folder).codec.model_id == halves[0].codec.model_id


# Descriptions that lie


def point(index: int, **change: Any) -> Callable[[dict, dict], None]:
    return lambda description, _: description["ladder"][index].update(change)


def described(**change: Any) -> Callable[[dict, dict], None]:
    return lambda description, _: description.update(change)


def architecture(**change: Any) -> Callable[[dict, dict], None]:
    return lambda description, _: description["architecture"].update(change)


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (described(format=1), "has format 1, this version of jcc_ros reads 2"),
        (described(format="2"), "has format 2, this"),
        (described(format=None), "has format None"),
        (lambda description, _: description.clear(), "has format None"),
        (lambda description, _: description.pop("ladder"), r"description\.ladder: Field required"),
        (described(extra=1), r"description\.extra"),
        (described(half="decoder"), r"description\.half"),
        (described(name=""), r"description\.name"),
        (described(model_id="abc"), r"description\.model_id"),
        (
            described(model_id="0" * 64),
            f"names model id {'0' * 64}, but the tables give [0-9a-f]{{64}}",
        ),
        (described(latent_shape=[3, 2]), r"description\.latent_shape"),
        (described(latent_shape=[3, 0, 3]), "latent shape .*: expected sizes of 1 or more"),
        (
            described(latent_shape=[1 << 10, 1 << 10, 2]),
            "latent shape .*: expected sizes of 1 or more",
        ),
        (described(latent_shape=[3, 10**30, 3]), "latent shape .*: expected sizes of 1 or more"),
        (described(latent_shape=[3, 6, 4]), "names model id"),
        (described(latent_shape=[3, 4, 4]), "table of point 0 has 24 elements, expected 1 x 4 x 4"),
        (described(latent_shape=[2, 4, 6]), "point 2 has prefix 3, expected 1 to 2"),
        (described(ladder=[]), r"description\.ladder"),
        (described(ladder=[{"step": 0.3}]), r"description\.ladder\.0\.prefix"),
        (described(provenance="good"), r"description\.provenance"),
        (point(1, step=NAN), r"description\.ladder\.1\.step"),
        (point(1, step=-0.3), r"description\.ladder\.1\.step"),
        (point(1, step=10**400), r"description\.ladder\.1\.step"),
        (point(1, step=1e39), "point 1 has step 1e"),
        (point(1, step=1e-39), "point 1 has step 1e"),
        (point(1, step=0.31), "names model id"),
        (point(1, prefix=0), "point 1 has prefix 0"),
        (point(1, prefix=1), "table of point 1 has 48 elements, expected 1 x 4 x 6"),
        (point(1, prefix=1 << 70), "point 1 has prefix"),
        (point(1, lowest=-2), "names model id"),
        (point(1, lowest=1 << 70), "lowest symbol"),
        (point(1, bits=NAN), r"description\.ladder\.1\.bits"),
        (point(1, bits=1.0), "bits must rise"),
        (point(1, accuracy=1.1), r"description\.ladder\.1\.accuracy"),
        (point(1, accuracy=NAN), r"description\.ladder\.1\.accuracy"),
        (point(1, temperature=0), r"description\.ladder\.1\.temperature"),
        (point(1, temperature=NAN), r"description\.ladder\.1\.temperature"),
        (point(1, temperature=1e30), r"description\.ladder\.1\.temperature"),
    ],
)
@both_files
def test_refuses_a_description_that_lies(
    folder: Path, name: str, change: Callable[[dict, dict], None], why: str
) -> None:
    rewrite(folder / name, change)
    refused(folder, name, why)


@both_files
def test_a_file_without_temperatures_has_those_of_the_network(folder: Path, name: str) -> None:
    def older(description: dict, _: dict) -> None:
        for point in description["ladder"]:
            del point["temperature"]

    rewrite(folder / name, older)
    np.testing.assert_array_equal(LOADERS[name](folder).codec.ladder.temperatures, 1)


@pytest.mark.parametrize("text", ["", "[]", "null", "3", "{", "[" * 100_000, '{"format": 2}', "\0"])
def test_refuses_a_description_that_is_none(folder: Path, text: str) -> None:
    save_file({"weight": torch.zeros(3)}, folder / ENCODER_FILE, metadata={"jcc_ros": text})
    refused(folder, ENCODER_FILE, "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (architecture(depth=3), r"description\.depth"),
        (
            architecture(widths=[4, 6]),
            r"network\.3\.bias: .*\(6,\), .* \(5,\)",
        ),
        (architecture(blocks=[1, 2]), r"tensor network\.6\S+: .*\(5,\), the file has \(3,\)"),
        (architecture(blocks=[1, 0]), r"tensor network\.4\S+: .*\(3,\), the file has \(5,\)"),
        (architecture(widths=[1024] * 8, blocks=[32] * 8), "tensor network"),
        (architecture(channels=4), r"tensor network\.6"),
        (architecture(input={"height": 20, "width": 24}), "produces latents .* the ladder expects"),
        (architecture(mean=[NAN, 0, 0]), r"description\.mean"),
    ],
)
def test_refuses_an_encoder_that_differs_from_its_description(
    folder: Path, change: Callable[[dict, dict], None], why: str
) -> None:
    rewrite(folder / ENCODER_FILE, change)
    refused(folder, ENCODER_FILE, why)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (architecture(channels=4), r"tensor network\.0\.weight: .*\(6, 4, 3, 3\), the file has"),
        (architecture(classes=5), r"tensor network\.3\.bias: .*\(5,\), the file has \(4,\)"),
        (described(classes=["a", "b", "c"]), "network has 4 classes, the file names 3"),
        (described(classes=["a", "b", "c", 4]), r"description\.classes\.3"),
        (architecture(width=7), r"tensor network\.0\.bias: .*\(7,\), the file has \(6,\)"),
        (architecture(width=4096, blocks=64), "tensor network"),
    ],
)
def test_refuses_a_classifier_that_differs_from_its_description(
    folder: Path, change: Callable[[dict, dict], None], why: str
) -> None:
    rewrite(folder / CLASSIFIER_FILE, change)
    refused(folder, CLASSIFIER_FILE, why)


def test_refuses_a_classifier_of_another_ladder_s_channels(halves: Halves, folder: Path) -> None:
    config = halves[1].network.config.model_copy(update={"channels": 4})
    weights = [
        (np.zeros(shape, np.float32), np.zeros(shape[0], np.float32))
        for shape in config.weight_shapes
    ]
    other = replace(halves[1], network=DeployedClassifier(config, weights))
    save_classifier(other, folder)
    refused(folder, CLASSIFIER_FILE, "network reads 4 channels, the ladder has 3")


# Tensors that are wrong

HEADS = {"encoder": "network.6", "classifier": "network.3"}  # the last layer of either


def head(
    part: str, change: Callable[[torch.Tensor], torch.Tensor | None]
) -> Callable[[dict, dict], None]:
    """Change the head's weight or bias, or remove it where the change gives None."""

    def apply(description: dict, tensors: dict) -> None:
        name = f"{HEADS[description['half']]}.{part}"
        value = change(tensors.pop(name))
        if value is not None:
            tensors[name] = value.contiguous()

    return apply


def in_bytes(scales: Callable[[int], torch.Tensor | None]) -> Callable[[dict, dict], None]:
    """Put the head's weight in bytes, with scales made for that many rows."""

    def apply(description: dict, tensors: dict) -> None:
        name = f"{HEADS[description['half']]}.weight"
        tensors[name] = tensors[name].char()
        factors = scales(len(tensors[name]))
        if factors is not None:
            tensors[f"{name}.scales"] = factors

    return apply


def tensor(
    key: str, change: Callable[[torch.Tensor], torch.Tensor]
) -> Callable[[dict, dict], None]:
    return lambda _, tensors: tensors.update({key: change(tensors[key]).contiguous()})


def with_one(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(values: torch.Tensor) -> torch.Tensor:
        values = copy.deepcopy(values)
        values.view(-1)[0] = value
        return values

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (head("weight", lambda t: None), r"network\.\w+\.weight: .*file has None"),
        (lambda _, t: t.pop("ladder.2.rows"), r"tensor ladder\.2\.rows is missing"),
        (lambda _, t: t.pop("ladder.0.indexes"), r"tensor ladder\.0\.indexes is missing"),
        (lambda _, t: t.pop("ladder.1.shares"), r"tensor ladder\.1\.shares is missing"),
        (
            lambda _, t: t.update({"ladder.3": torch.ones(1)}),
            r"unexpected tensor ladder\.3",
        ),
        (lambda _, t: t.update({"network.more": torch.ones(1)}), r"network\.more: .*None"),
        (lambda _, t: t.update({"network.0.bias.scales": torch.ones(1)}), r"\.scales: .*None"),
        (lambda _, t: t.update({"head.bias": torch.ones(1)}), r"tensor head\.bias"),
        (head("weight", lambda t: t[:-1]), r"tensor network\.\w+\.weight: .*file has \("),
        (head("weight", lambda t: t.double()), "must be finite float32"),
        (
            in_bytes(lambda rows: None),
            r"\.weight is int8: expected network\.\d\.weight\.scales in float16",
        ),
        (in_bytes(lambda rows: torch.ones(rows + 1).half()), "is int8: expected"),
        (in_bytes(lambda rows: torch.ones(rows, 1).half()), "is int8: expected"),
        (in_bytes(lambda rows: torch.tensor(1.0).half()), "is int8: expected"),
        (in_bytes(lambda rows: torch.full((rows,), 1e38)), "is int8: expected .* float16"),
        (in_bytes(lambda rows: torch.ones(rows).char()), "is int8: expected .* float16"),
        (in_bytes(lambda rows: torch.full((rows,), NAN).half()), r"\.scales must be finite"),
        (head("weight", lambda t: t.bfloat16()), "must be finite float32"),
        (head("bias", lambda t: t.int()), "must be finite float32"),
        (tensor("ladder.1.rows", lambda t: t.double()), "must be finite float32"),
        (head("weight", with_one(NAN)), r"\.weight must be finite float32"),
        (head("bias", with_one(float("inf"))), r"\.bias must be finite"),
        (tensor("ladder.1.rows", with_one(NAN)), r"ladder\.1\.rows must be finite float32"),
        (tensor("ladder.1.rows", with_one(-0.1)), "probabilities must be at least"),
        (tensor("ladder.1.rows", with_one(1e-9)), "probabilities must be at least"),
        (tensor("ladder.1.rows", with_one(1.5)), "rows, and the shares, must sum to 1"),
        (tensor("ladder.1.rows", lambda t: t * 1.01), "rows, and the shares, must sum to 1"),
        (tensor("ladder.1.rows", lambda t: t.flip(1)), "names model id"),
        (tensor("ladder.1.rows", lambda t: t[:10]), "row index 4., there are 10 rows"),
        (tensor("ladder.1.indexes", lambda t: t.flip(1)), "names model id"),
        (tensor("ladder.1.indexes", lambda t: t[:, :-1]), "has 47 elements"),
        (tensor("ladder.1.indexes", lambda t: t[:1]), "2 shares, expected 1"),
        (tensor("ladder.1.indexes", lambda t: t.int()), "indexes must be"),
        (tensor("ladder.1.indexes", lambda t: t.float()), "indexes .* in uint8, got .* in float32"),
        (tensor("ladder.1.rows", lambda t: t.byte()), "rows .* in float32, got .* in uint8"),
        (head("weight", lambda t: t.byte()), r"\.weight must be float32, float16 or int8"),
        (tensor("ladder.1.shares", lambda t: t.flip(0)), "names model id"),
        (tensor("ladder.1.shares", with_one(0.5)), "the shares, must sum to 1"),
        (tensor("ladder.1.rows", lambda t: t.view(-1)), "entropy table: expected rows"),
        (tensor("ladder.1.rows", lambda t: t.repeat(3000, 100)), "holds more than 65536 numbers"),
    ],
)
@both_files
def test_refuses_wrong_tensors(
    folder: Path, name: str, change: Callable[[dict, dict], Any], why: str
) -> None:
    rewrite(folder / name, change)
    refused(folder, name, why)


# Pairs


def test_a_pair_that_does_not_belong_together_names_both_ids(halves: Halves, folder: Path) -> None:
    encoder, classifier = halves
    other = LatentCodec(Ladder(classifier.codec.ladder.shape, classifier.codec.ladder[:2]))
    save_classifier(
        ClassifierModel("other", classifier.network, other, classifier.classes, {}), folder
    )
    with pytest.raises(ModelFileError) as caught:
        load_model(folder)
    for part in (str(folder), encoder.codec.model_id, other.model_id):
        assert part in str(caught.value)
    # Alone, each is in order.
    load_encoder(folder)
    load_classifier(folder)
