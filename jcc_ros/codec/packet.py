"""The packet: one frame's payload with what a decoder must know. docs/bitstream.md has every bit.

0        4        4 + t              4 + t + n
| header | offset | payload, n bytes | checksum, 2 bytes |

header, big endian: version 3 | offset follows 1 | operating point 5 | n 11 | model id 12
offset, LEB128: nanoseconds from the stamp of the message to the stamp of the frame
checksum: CRC-16/XMODEM over the whole model id, then all bytes before it
"""

from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass

from jcc_ros.codec.errors import OversizedError, PacketError, UnknownVersionError

VERSION = 1
MAX_POINTS = 1 << 5
MAX_PAYLOAD = (1 << 11) - 1  # bytes
MAX_OFFSET = (1 << 35) - 1  # ns, five LEB128 bytes
MAX_PACKETS = 32  # a message: bounds the work that one causes
FRAMING = 6  # bytes, of a packet without offset

_HEADER = 4
_CHECKSUM = 2


@dataclass(frozen=True)
class Packet:
    """One frame on the wire.

    Attributes:
        model: the first three hexadecimal digits of the model id.
        point: index of the operating point in the model's ladder.
        offset: ns from the stamp of the message to the stamp of the frame.
        payload: what the entropy coder wrote.
        checksum: as found on the wire.
    """

    model: str
    point: int
    offset: int
    payload: bytes
    checksum: int

    @classmethod
    def seal(cls, model_id: str, point: int, payload: bytes, offset: int = 0) -> "Packet":
        """Make a packet with the checksum that `verify` expects.

        Raises:
            OversizedError: a payload beyond what a packet holds.
            ValueError: another field that does not fit its bits.
        """
        if len(payload) > MAX_PAYLOAD:
            raise OversizedError(
                f"payload of {len(payload)} bytes, a packet holds at most {MAX_PAYLOAD}"
            )
        for name, value, limit in (
            ("operating point", point, MAX_POINTS - 1),
            ("offset in ns", offset, MAX_OFFSET),
        ):
            if not 0 <= value <= limit:
                raise ValueError(f"{name}: {value} is not in 0 .. {limit}")
        packet = cls(model_id[:3], point, offset, payload, 0)
        return cls(model_id[:3], point, offset, payload, packet._expected_checksum(model_id))

    def verify(self, model_id: str) -> None:
        """Raise PacketError unless this packet was sealed, as it is, for the model `model_id`."""
        if not model_id.startswith(self.model):
            raise PacketError(f"packet of model {self.model}, expected model {model_id[:3]}")
        if self.checksum != self._expected_checksum(model_id):
            raise PacketError(f"packet of model {self.model}: the checksum does not match")

    def to_bytes(self) -> bytes:
        """Return the packet as it stands on the wire."""
        return self._body() + self.checksum.to_bytes(_CHECKSUM, "big")

    def _body(self) -> bytes:
        header = (
            VERSION << 29
            | bool(self.offset) << 28
            | self.point << 23
            | len(self.payload) << 12
            | int(self.model, 16)
        )
        offset = _leb128(self.offset) if self.offset else b""
        return header.to_bytes(_HEADER, "big") + offset + self.payload

    def _expected_checksum(self, model_id: str) -> int:
        # The whole id goes into the checksum: two models that share three digits stay apart.
        return crc_hqx(self._body(), crc_hqx(bytes.fromhex(model_id), 0))


def split(data: bytes) -> Iterator[Packet]:
    """Yield the packets that stand one after the other in `data`, the checksums not yet verified.

    Raises:
        PacketError: after the last readable packet, when bytes remain that are none; at once when
            `data` is empty.
        UnknownVersionError: of these, for another version.
    """
    start = 0
    for _ in range(MAX_PACKETS):
        if len(data) - start < FRAMING:
            raise PacketError(f"truncated packet: {len(data) - start} bytes left at byte {start}")
        header = int.from_bytes(data[start : start + _HEADER], "big")
        if header >> 29 != VERSION:
            raise UnknownVersionError(
                f"packet version {header >> 29}, this decoder reads {VERSION}"
            )
        at = start + _HEADER
        offset = 0
        if header >> 28 & 1:
            offset, at = _read_leb128(data, at)
        end = at + (header >> 12 & MAX_PAYLOAD)
        if end + _CHECKSUM > len(data):
            raise PacketError(f"truncated packet: {len(data) - start} bytes left at byte {start}")
        yield Packet(
            model=f"{header & 0xFFF:03x}",
            point=header >> 23 & (MAX_POINTS - 1),
            offset=offset,
            payload=data[at:end],
            checksum=int.from_bytes(data[end : end + _CHECKSUM], "big"),
        )
        start = end + _CHECKSUM
        if start == len(data):
            return
    raise PacketError(
        f"more than {MAX_PACKETS} packets: {len(data) - start} bytes left at byte {start}"
    )


def readable(data: bytes) -> tuple[list[Packet], PacketError | None]:
    """Return the packets that `split` yields, and the error that ends them, if one does."""
    packets: list[Packet] = []
    try:
        packets.extend(split(data))  # keeps what came before an error
    except PacketError as error:
        return packets, error
    return packets, None


def _leb128(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, index after it); refuse zero and padded forms, so that one value has one."""
    value = 0
    for count, byte in enumerate(data[at : at + 5]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if byte == 0:
                break
            return value, at + count + 1
    raise PacketError(f"the time offset at byte {at} is not canonical LEB128 of at most 5 bytes")
