"""Coverage-guided fuzzing by atheris: `fuzz.py packet|message MODEL [libFuzzer options]`.

packet: any bytes as the data of a message. message: any bytes as a serialised Latent.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jcc_ros.codec"]):
    from hostile import accepted, codec_of


from jcc_ros.msg import Latent
from rclpy.serialization import deserialize_message

_, kind, model, *options = sys.argv
codec = codec_of(Path(model))
HEADER = b"\x00\x01\x00\x00"  # CDR, little endian


def packet(data: bytes) -> None:
    good = accepted(codec, data)
    # What is read is what was written: no two different bytes mean the same packets.
    assert data.startswith(b"".join(packet.to_bytes() for packet in good[:1]))


def message(data: bytes) -> None:
    try:
        latent = deserialize_message(HEADER + data, Latent)
    except Exception:  # rclpy's own, whatever it is; the middleware drops such a message
        return
    accepted(codec, latent.data.tobytes())


atheris.Setup([sys.argv[0], *options], {"packet": packet, "message": message}[kind])
atheris.Fuzz()
