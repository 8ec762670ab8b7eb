"""The vectors of docs/bitstream.md, read by the codec and by a reader without its code."""

import json
from pathlib import Path

import numpy as np
import pytest
from reader import Model, RefusedError, frequencies, read_message

from jcc_ros.codec.entropy import EntropyTable
from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.ladder import Ladder, OperatingPoint
from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import VERSION, split

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
MODEL = Model.from_json(VECTORS["model"])

# A refusal's name in the document, and words of the codec's message.
REFUSALS = {
    "truncated": "truncated packet",
    "version": "packet version",
    "offset": "canonical LEB128",
    "model": "expected model",
    "checksum": "checksum does not match",
    "operating point": "operating point",
    "range code": "not a valid range code",
    "count": "more than 32 packets",
}


@pytest.fixture(scope="module")
def codec() -> LatentCodec:
    points = [
        OperatingPoint(
            step=point["step"],
            prefix=point["prefix"],
            table=EntropyTable(
                np.array(point["rows"], np.float32),
                np.array(point["indexes"], np.uint8),
                np.array(point["shares"], np.float32),
                point["lowest"],
            ),
            bits=float(index),
            accuracy=0.5,
        )
        for index, point in enumerate(VECTORS["model"]["points"])
    ]
    return LatentCodec(Ladder(tuple(VECTORS["model"]["shape"]), points))


def named(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[kind], ids=lambda vector: vector["name"])


def decode_all(codec: LatentCodec, data: bytes) -> list[list[float]]:
    return [codec.decode(packet).ravel().tolist() for packet in split(data)]


def test_version() -> None:
    assert VECTORS["version"] == VERSION


def test_model_id(codec: LatentCodec) -> None:
    assert codec.model_id == VECTORS["model"]["model_id"] == MODEL.model_id.hex()


def test_frequencies() -> None:
    for point, expected in zip(MODEL.points, VECTORS["model"]["frequencies"], strict=True):
        shares = [point.shares] if len(point.shares) > 1 else []
        assert [frequencies(row) for row in [*shares, *point.rows]] == expected


@named("packets")
def test_the_codec_writes(codec: LatentCodec, vector: dict) -> None:
    latent = np.array(vector["latent"], np.float32).reshape(codec.ladder.shape)
    packet = codec.encode(latent, vector["point"], vector["offset"])
    assert codec.symbols(latent, vector["point"]).tolist() == vector["symbols"]
    assert packet.payload.hex() == vector["payload"]
    assert packet.to_bytes().hex() == vector["packet"]


@named("packets")
def test_the_codec_reads(codec: LatentCodec, vector: dict) -> None:
    (packet,) = split(bytes.fromhex(vector["packet"]))
    assert (packet.point, packet.offset) == (vector["point"], vector["offset"])
    assert packet.payload.hex() == vector["payload"]
    expected = np.array(vector["decoded"], np.float32)
    np.testing.assert_array_equal(codec.decode(packet).ravel(), expected)


@named("packets")
def test_the_independent_reader_reads(vector: dict) -> None:
    (frame,) = read_message(bytes.fromhex(vector["packet"]), MODEL)
    assert (frame["point"], frame["offset"]) == (vector["point"], vector["offset"])
    assert frame["symbols"] == vector["symbols"]
    assert frame["latent"] == np.array(vector["decoded"], np.float32).tolist()


@named("messages")
def test_messages(codec: LatentCodec, vector: dict) -> None:
    data = bytes.fromhex(vector["data"])
    assert [packet.to_bytes().hex() for packet in split(data)] == vector["packets"]
    assert [frame["latent"] for frame in read_message(data, MODEL)] == decode_all(codec, data)


@named("malformed")
def test_the_codec_refuses(codec: LatentCodec, vector: dict) -> None:
    with pytest.raises(PacketError, match=REFUSALS[vector["refusal"]]):
        decode_all(codec, bytes.fromhex(vector["data"]))


@named("malformed")
def test_the_independent_reader_refuses(vector: dict) -> None:
    with pytest.raises(RefusedError, match=f"^{vector['refusal']}$"):
        read_message(bytes.fromhex(vector["data"]), MODEL)


def test_every_refusal_has_a_vector() -> None:
    assert {vector["refusal"] for vector in VECTORS["malformed"]} == REFUSALS.keys()


def test_the_documents_example_is_a_vector() -> None:
    page = (Path(__file__).parents[2] / "docs/bitstream.md").read_text()
    example = page[page.index("For example") :]
    lines = [line.replace(" ", "") for line in example.splitlines() if line.startswith("    ")]
    assert set(lines) <= {vector["packet"] for vector in VECTORS["packets"]}
    assert len(lines) == 2
