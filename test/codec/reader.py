"""A packet reader with nothing but the standard library, written from docs/bitstream.md alone.

It shares no code with jcc_ros, so that it shows what a reader in another language must do.
"""

import hashlib
import struct
from dataclasses import dataclass

PRECISION = 24
STATE_MASK = (1 << 64) - 1


class RefusedError(Exception):
    """The bytes are no packet of this model; the text is a cause of docs/bitstream.md."""


@dataclass
class Point:
    step: float
    prefix: int
    lowest: int
    shares: list[float]
    indexes: list[list[int]]
    rows: list[list[float]]


@dataclass
class Model:
    shape: tuple[int, int, int]
    points: list[Point]

    @classmethod
    def from_json(cls, found: dict) -> "Model":
        return cls(tuple(found["shape"]), [Point(**point) for point in found["points"]])

    @property
    def model_id(self) -> bytes:
        data = struct.pack("<4I", 1, *self.shape)
        for point in self.points:
            sizes = len(point.rows[0]), len(point.rows), len(point.indexes)
            data += struct.pack("<f5i", point.step, point.prefix, point.lowest, *sizes)
            data += struct.pack(f"<{len(point.shares)}f", *point.shares)
            for component in point.indexes:
                data += bytes(component)
            for row in point.rows:
                data += struct.pack(f"<{len(row)}f", *row)
        return hashlib.sha256(data).digest()


def f32(value: float) -> float:
    """Round to float32. After +, * or / of two float32 in double precision this is exact."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def frequencies(row: list[float]) -> list[int]:
    """Return the levels + 1 cumulative frequencies of a table row, from 0 to 2^24."""
    cumulative = [0.0]
    for probability in row:
        cumulative.append(f32(cumulative[-1] + f32(probability)))
    scale = f32(((1 << PRECISION) - len(row)) / cumulative[-1])
    left = [int(f32(c * scale)) + k for k, c in enumerate(cumulative[:-1])]
    return [*left, 1 << PRECISION]


def decode_payload(payload: bytes, point: Point) -> list[int]:
    coder = RangeDecoder(payload)
    component = coder.next(point.shares) if len(point.shares) > 1 else 0
    return [point.lowest + coder.next(point.rows[i]) for i in point.indexes[component]]


class RangeDecoder:
    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.lower, self.width = 0, STATE_MASK
        self.window, self.read = self.word(0) << 32 | self.word(1), 2

    def word(self, index: int) -> int:
        return int.from_bytes(self.payload[4 * index : 4 * index + 4].ljust(4, b"\xff"), "big")

    def next(self, row: list[float]) -> int:
        left = frequencies(row)
        scale = self.width >> PRECISION
        quantile = ((self.window - self.lower) & STATE_MASK) // scale
        if quantile >> PRECISION:
            raise RefusedError("range code")
        k = max(k for k in range(len(row)) if left[k] <= quantile)
        self.lower = (self.lower + scale * left[k]) & STATE_MASK
        self.width = scale * (left[k + 1] - left[k])
        if self.width < 1 << 32:
            self.lower, self.width = (self.lower << 32) & STATE_MASK, self.width << 32
            self.window = self.window << 32 | self.word(self.read)
            self.read += 1
        return k


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, initial value 0, no reflection, no final xor."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def read_message(data: bytes, model: Model) -> list[dict]:
    """Return point, offset, symbols and latent of every packet in `data`.

    Raises:
        RefusedError: at the first packet that is none.
    """
    frames = []
    start = 0
    while start < len(data) or not frames:
        if len(frames) == 32:
            raise RefusedError("count")
        if len(data) - start < 6:
            raise RefusedError("truncated")
        header = int.from_bytes(data[start : start + 4], "big")
        if header >> 29 != 1:
            raise RefusedError("version")
        index, count, short_id = header >> 23 & 31, header >> 12 & 2047, header & 4095
        at, offset = start + 4, 0
        if header >> 28 & 1:
            for group in range(5):
                if at == len(data):
                    raise RefusedError("offset")
                byte = data[at]
                at += 1
                offset |= (byte & 0x7F) << 7 * group
                if byte < 0x80:
                    break
            if byte >= 0x80 or byte == 0:
                raise RefusedError("offset")
        if at + count + 2 > len(data):
            raise RefusedError("truncated")
        payload, end = data[at : at + count], at + count
        if short_id != int.from_bytes(model.model_id[:2], "big") >> 4:
            raise RefusedError("model")
        if crc16(model.model_id + data[start:end]) != int.from_bytes(data[end : end + 2], "big"):
            raise RefusedError("checksum")
        if index >= len(model.points):
            raise RefusedError("operating point")
        point = model.points[index]
        symbols = decode_payload(payload, point)
        latent = [f32(s * f32(point.step)) for s in symbols]
        channels, height, width = model.shape
        latent += [0.0] * (channels * height * width - len(latent))
        frames.append({"point": index, "offset": offset, "symbols": symbols, "latent": latent})
        start = end + 2
    return frames
