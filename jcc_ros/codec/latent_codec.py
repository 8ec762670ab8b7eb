"""The codec of one model: latent to packet on the robot, packet to latent on the host.

latent [C, H, W] -> prefix -> quantise -> range code -> packet
latent [C, H, W] <- zeros  <- dequantise <- range decode <- packet
"""

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.errors import PacketError
from jcc_ros.codec.ladder import Ladder
from jcc_ros.codec.packet import Packet
from jcc_ros.codec.quantizer import dequantize, quantize


class LatentCodec:
    """Encodes and decodes latents at the operating points of a ladder."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.model_id = ladder.model_id

    def symbols(self, latent: NDArray[np.float32], point: int) -> NDArray[np.int32]:
        """Return the symbols [..., elements] that stand for latents [..., C, H, W]."""
        chosen = self.ladder[point]
        *batch, _, height, width = latent.shape
        sent = latent[..., : chosen.prefix, :, :].reshape(*batch, chosen.prefix * height * width)
        return quantize(sent, chosen.step, chosen.table.lowest, chosen.table.levels)

    def encode(self, latent: NDArray[np.float32], point: int, offset: int = 0) -> Packet:
        """Return the packet of a latent [C, H, W].

        Args:
            point: index into the ladder.
            offset: ns from the stamp of the message to the stamp of the frame.
        Raises:
            OversizedError: a payload beyond what a packet holds.
            ValueError: a latent of another shape, or an offset beyond the format.
        """
        if latent.shape != self.ladder.shape:
            raise ValueError(f"latent of shape {latent.shape}, expected {self.ladder.shape}")
        return self.pack(self.symbols(latent, point), point, offset)

    def pack(self, symbols: NDArray[np.int32], point: int, offset: int = 0) -> Packet:
        """Return the packet of symbols [elements], as `encode` does that of a latent."""
        payload = self.ladder[point].table.encode(symbols)
        return Packet.seal(self.model_id, point, payload, offset)

    def decode(self, packet: Packet) -> NDArray[np.float32]:
        """Return the latent [C, H, W] of a packet, zero in the channels that were not sent.

        Raises:
            PacketError: another model's packet, a corrupt one, or an unknown operating point.
        """
        packet.verify(self.model_id)
        if packet.point >= len(self.ladder):
            raise PacketError(
                f"packet of model {packet.model}: no operating point {packet.point}, "
                f"the model has 0 .. {len(self.ladder) - 1}"
            )
        symbols = self.ladder[packet.point].table.decode(packet.payload)
        return self._latents(symbols, packet.point)

    def received(self, latents: NDArray[np.float32], point: int) -> NDArray[np.float32]:
        """Return what `decode` would of latents [..., C, H, W] sent at the operating point."""
        return self._latents(self.symbols(latents, point), point)

    def _latents(self, symbols: NDArray[np.int32], point: int) -> NDArray[np.float32]:
        """Return the latents [..., C, H, W] that symbols [..., elements] stand for."""
        chosen = self.ladder[point]
        batch, (_, height, width) = symbols.shape[:-1], self.ladder.shape
        latents = np.zeros((*batch, *self.ladder.shape), np.float32)
        sent = dequantize(symbols, chosen.step).reshape(*batch, chosen.prefix, height, width)
        latents[..., : chosen.prefix, :, :] = sent
        return latents
