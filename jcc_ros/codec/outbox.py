"""Collects the packets of frames that share a message."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import MAX_OFFSET, Packet
from jcc_ros.codec.wire import latent_message_bits


@dataclass(frozen=True)
class Bundle:
    """The data of one message: its packets, back to back.

    Attributes:
        stamp: of the first frame, ns.
        frame_id: of all frames.
        frames: how many.
        data: the packets.
        payload_bits: written by the entropy coder, in all packets together.
    """

    stamp: int
    frame_id: str
    frames: int
    data: bytes
    payload_bits: int

    @property
    def wire_bits(self) -> int:
        """Bits of the message at the IP layer."""
        return latent_message_bits(self.frame_id, len(self.data))


class Outbox:
    """One image topic's packets that wait to be sent.

    Args:
        codec: of the model.
    """

    def __init__(self, codec: LatentCodec) -> None:
        self._codec = codec
        self._packets: list[Packet] = []
        self._stamp = self._last = 0
        self._frame_id = ""
        self._opened = 0.0

    def fits(self, stamp: int, frame_id: str) -> bool:
        """Say whether a frame can join what waits: same camera, a later stamp, not too much so."""
        if not self._packets:
            return True
        return frame_id == self._frame_id and self._last < stamp <= self._stamp + MAX_OFFSET

    def add(
        self, latent: NDArray[np.float32], point: int, stamp: int, frame_id: str, now: float
    ) -> Packet:
        """Encode a latent [C, H, W] at an operating point; keep and return its packet.

        Args:
            stamp: of the frame, ns.
            now: s of a steady clock.
        Raises:
            OversizedError: a payload beyond what a packet holds.
            ValueError: the frame does not fit; take what waits first.
        """
        if not self.fits(stamp, frame_id):
            raise ValueError(f"frame {frame_id!r} at {stamp} ns does not fit the open message")
        packet = self._codec.encode(latent, point, stamp - self._stamp if self._packets else 0)
        if not self._packets:
            self._stamp, self._frame_id, self._opened = stamp, frame_id, now
        self._last = stamp
        self._packets.append(packet)
        return packet

    def __len__(self) -> int:
        return len(self._packets)

    def deadline(self, max_delay: float) -> float:
        """Return when what waits must be sent, s; infinite if nothing waits."""
        return self._opened + max_delay if self._packets else float("inf")

    def take(self) -> Bundle:
        """Return what waits, and empty the outbox."""
        packets, self._packets = self._packets, []
        return Bundle(
            self._stamp,
            self._frame_id,
            len(packets),
            b"".join(packet.to_bytes() for packet in packets),
            sum(8 * len(packet.payload) for packet in packets),
        )
