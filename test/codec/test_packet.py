from binascii import crc_hqx
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jcc_ros.codec.errors import OversizedError, PacketError, UnknownVersionError
from jcc_ros.codec.packet import (
    FRAMING,
    MAX_OFFSET,
    MAX_PACKETS,
    MAX_PAYLOAD,
    MAX_POINTS,
    Packet,
    readable,
    split,
)

MODEL = "abc" + "01" * 30 + "f"
OTHER = "abc" + "02" * 30 + "f"  # shares the digits that a packet carries

packets = st.builds(
    Packet.seal,
    st.just(MODEL),
    st.integers(0, MAX_POINTS - 1),
    st.binary(max_size=80),
    st.integers(0, MAX_OFFSET) | st.integers(0, 300),
)


@given(st.lists(packets, min_size=1, max_size=5))
def test_packets_back_to_back_come_out_as_they_went_in(sealed: list[Packet]) -> None:
    found = list(split(b"".join(packet.to_bytes() for packet in sealed)))
    assert found == sealed
    for packet in found:
        packet.verify(MODEL)


@settings(max_examples=500)
@given(
    st.binary(max_size=60)
    | st.builds(lambda head, rest: bytes([0x20 | head]) + rest, st.integers(0, 31), st.binary())
)
def test_any_bytes_give_packets_or_a_packet_error(data: bytes) -> None:
    found = []
    try:
        for packet in split(data):
            found.append(packet)
    except PacketError:
        assert data.startswith(b"".join(packet.to_bytes() for packet in found))
    else:
        # What is read is what was written: no two different bytes mean the same packet.
        assert b"".join(packet.to_bytes() for packet in found) == data


def test_a_packet_bit_by_bit() -> None:
    data = Packet.seal(MODEL, 5, b"xyz", 300).to_bytes()
    header = f"{int.from_bytes(data[:4], 'big'):032b}"
    assert header == "001" + "1" + "00101" + "00000000011" + f"{0xABC:012b}"
    assert data[4:6] == bytes([0x80 | 300 & 0x7F, 300 >> 7])
    assert data[6:9] == b"xyz"
    assert int.from_bytes(data[9:], "big") == crc_hqx(bytes.fromhex(MODEL) + data[:9], 0)


def test_framing_takes_six_bytes() -> None:
    assert len(Packet.seal(MODEL, 0, b"").to_bytes()) == FRAMING == 6


@pytest.mark.parametrize(
    ("offset", "size"),
    [(0, 0), (1, 1), (127, 1), (128, 2), (33_333_333, 4), (1 << 28, 5), (MAX_OFFSET, 5)],
)
def test_an_offset_takes_as_few_bytes_as_it_can(offset: int, size: int) -> None:
    data = Packet.seal(MODEL, 0, b"p", offset).to_bytes()
    assert len(data) == FRAMING + 1 + size
    assert next(split(data)).offset == offset


def test_the_largest_packet() -> None:
    sealed = Packet.seal(MODEL, MAX_POINTS - 1, bytes(MAX_PAYLOAD), MAX_OFFSET)
    assert list(split(sealed.to_bytes())) == [sealed]


@pytest.mark.parametrize(
    ("point", "offset", "why"),
    [
        (MAX_POINTS, 0, "operating point: 32"),
        (-1, 0, "operating point: -1"),
        (0, MAX_OFFSET + 1, "offset in ns"),
        (0, -1, "offset in ns: -1"),
    ],
)
def test_refuses_to_seal_what_has_no_place(point: int, offset: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Packet.seal(MODEL, point, b"", offset)


def test_a_payload_that_has_no_place_is_told_from_what_is_wrong_otherwise() -> None:
    with pytest.raises(OversizedError, match="payload of 2048 bytes"):
        Packet.seal(MODEL, 0, bytes(MAX_PAYLOAD + 1))


@pytest.mark.parametrize("size", [0, 1, 5, 6, 9])
def test_names_where_a_packet_is_cut_off(size: int) -> None:
    whole = Packet.seal(MODEL, 1, b"payload").to_bytes()
    found = split(whole + whole[:size])
    next(found)
    if size:
        with pytest.raises(PacketError, match=f"truncated packet: {size} bytes left at byte 13"):
            next(found)
    else:
        assert next(found, None) is None


def test_what_is_readable_stays_beside_the_error_that_ends_it() -> None:
    packet = Packet.seal(MODEL, 1, b"payload")
    whole = packet.to_bytes()
    assert readable(whole + whole) == ([packet, packet], None)
    found, error = readable(whole + b"rest")
    assert found == [packet]
    assert str(error) == f"truncated packet: 4 bytes left at byte {len(whole)}"
    found, error = readable(whole + bytes([0xC0, *whole[1:]]))
    assert found == [packet]
    assert isinstance(error, UnknownVersionError)


def test_names_the_version_that_it_does_not_read() -> None:
    data = bytearray(Packet.seal(MODEL, 1, b"payload").to_bytes())
    data[0] = data[0] & 0x1F | 6 << 5
    with pytest.raises(UnknownVersionError, match="packet version 6, this decoder reads 1"):
        next(split(bytes(data)))


@pytest.mark.parametrize(
    "offset",
    [b"\x00", b"\x80\x00", b"\x81\x00", b"\x81\x81\x81\x81\x80\x01", b"\xff" * 9],
    ids=bytes.hex,
)
def test_an_offset_has_one_form_only(offset: bytes) -> None:
    head = bytearray(Packet.seal(MODEL, 1, bytes(9)).to_bytes()[:4])
    head[0] |= 0x10
    with pytest.raises(PacketError, match="offset at byte 4 is not canonical LEB128"):
        next(split(bytes(head) + offset + bytes(11)))


def test_verify_names_both_models() -> None:
    with pytest.raises(PacketError, match="packet of model abc, expected model abd"):
        Packet.seal(MODEL, 1, b"payload").verify("abd" + MODEL[3:])


def test_the_checksum_covers_the_digits_that_are_not_sent() -> None:
    with pytest.raises(PacketError, match="packet of model abc: the checksum does not match"):
        Packet.seal(MODEL, 1, b"payload").verify(OTHER)


@pytest.mark.parametrize(
    "change", [{"point": 2}, {"offset": 8}, {"offset": 0}, {"payload": b"Payload"}, {"checksum": 1}]
)
def test_the_checksum_covers_every_field(change: dict) -> None:
    sealed = Packet.seal(MODEL, 1, b"payload", 7)
    sealed.verify(MODEL)
    with pytest.raises(PacketError, match="the checksum does not match"):
        replace(sealed, **change).verify(MODEL)


def test_a_message_holds_32_packets_at_the_most() -> None:
    packet = Packet.seal(MODEL, 0, b"x")
    assert list(split(MAX_PACKETS * packet.to_bytes())) == MAX_PACKETS * [packet]
    found = []
    with pytest.raises(PacketError, match="more than 32 packets: 14 bytes left"):
        for each in split((MAX_PACKETS + 2) * packet.to_bytes()):
            found.append(each)
    assert found == MAX_PACKETS * [packet]
