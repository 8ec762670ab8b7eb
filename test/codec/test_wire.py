"""The size of a message on the link; test/nodes/ compares it with what the middleware writes."""

from itertools import pairwise

import pytest

from jcc_ros.codec.wire import latent_message_bits


def test_what_was_captured() -> None:
    """A 32-byte payload with an empty frame_id: 208 bytes at the IP layer, packet framing apart."""
    # RTPS 132, UDP and IPv4 28; CDR header 4, stamp 8, empty string 8, sequence length 4, data.
    assert latent_message_bits("", 32) == 8 * (132 + 28 + 4 + 8 + 8 + 4 + 32)


@pytest.mark.parametrize("frame_id", ["", "a", "abc", "abcd", "camera", "a/b/c_optical", "ü"])
def test_data_costs_its_bytes_in_steps_of_four(frame_id: str) -> None:
    for size in range(200):
        step = latent_message_bits(frame_id, size + 4) - latent_message_bits(frame_id, size)
        assert step == 32
        more = latent_message_bits(frame_id, size + 1) - latent_message_bits(frame_id, size)
        assert more in (0, 32)


def test_names_cost_their_utf8_bytes() -> None:
    assert latent_message_bits("üüü", 10) == latent_message_bits("abcdef", 10)
    assert latent_message_bits("x" * 40, 10) - latent_message_bits("x" * 20, 10) == 8 * 20


def test_every_further_fragment_brings_an_ip_header() -> None:
    rises = [
        latent_message_bits("", size + 4) - latent_message_bits("", size)
        for size in range(0, 6000, 4)
    ]
    assert set(rises) == {32, 32 + 160}
    # An MTU of 1500 bytes leaves 1480 for every fragment.
    whole = [index for index, rise in enumerate(rises) if rise > 32]
    assert {later - earlier for earlier, later in pairwise(whole)} == {370}
    assert latent_message_bits("", 4 * whole[0]) == 8 * 1500


@pytest.mark.parametrize(("frame_id", "size"), [("", 8), ("abc", 8), ("abcd", 12), ("abcdefg", 12)])
def test_names_fill_whole_words(frame_id: str, size: int) -> None:
    # Length, bytes, a zero at the end, padding.
    assert latent_message_bits(frame_id, 1) - latent_message_bits("", 1) == 8 * (size - 8)
    assert latent_message_bits(frame_id, 5) - latent_message_bits("", 1) == 8 * (size - 8 + 4)
