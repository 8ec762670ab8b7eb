"""The arithmetic of a message's size against what the middleware serialises."""

from array import array

import pytest
from jcc_ros.msg import Latent
from rclpy.serialization import serialize_message

from jcc_ros.codec.wire import latent_message_bits

AROUND = latent_message_bits("", 0) - 8 * 24  # RTPS, UDP and IPv4: what no serialiser writes


@pytest.mark.parametrize("frame_id", ["", "a", "ab", "abc", "abcd", "camera", "ü", "x" * 200])
def test_size_of_the_serialised_message(frame_id: str) -> None:
    for size in (0, 1, 2, 3, 4, 5, 31, 32, 33, 500, 1100):
        message = Latent(data=array("B", bytes(size)))
        message.header.frame_id = frame_id
        written = len(serialize_message(message))
        padded = written + -written % 4
        assert latent_message_bits(frame_id, size) == AROUND + 8 * padded
