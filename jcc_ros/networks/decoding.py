"""From a packet to the latent that it carries, where several models are at hand."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from jcc_ros.codec.errors import PacketError, UnknownModelError
from jcc_ros.codec.packet import Packet
from jcc_ros.networks.classifier_model import ClassifierModel


def decode(
    packet: Packet, models: Collection[ClassifierModel]
) -> tuple[ClassifierModel, NDArray[np.float32]]:
    """Return the classifier that a packet is for, and its latent [C, h, w].

    Packets carry the beginning of their model's id; among several that begin so, the checksum
    tells.

    Args:
        models: no two of the same id.
    Raises:
        UnknownModelError: no model's id begins as the packet says.
        PacketError: none of those whose id does can decode it.
    """
    refused: PacketError | None = None
    for model in models:
        if model.codec.model_id.startswith(packet.model):
            try:
                return model, model.codec.decode(packet)
            except PacketError as error:
                refused = error
    if refused is not None:
        raise refused
    known = ", ".join(f"{model.codec.model_id[:3]} ({model.name})" for model in models)
    raise UnknownModelError(f"packet of unknown model {packet.model}, loaded models: {known}")
