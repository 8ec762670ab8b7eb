"""From decoded frames to labels, many at once."""

from collections.abc import Callable, Sequence

import numpy as np
from builtin_interfaces.msg import Time

from jcc_ros.msg import Classification
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.nodes.source import Frame
from jcc_ros.nodes.stamps import to_time


def labels_of(
    model: ClassifierModel, frames: Sequence[Frame], top_k: int, now: Callable[[], Time]
) -> list[Classification]:
    """Return the messages with the best labels of frames of one model.

    Args:
        now: the time, asked when the network has finished.
    """
    latents = np.stack([frame.latent for frame in frames])
    scores = model.scores(latents, [frame.packet.point for frame in frames])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
    classified = now()
    messages = []
    for frame, row, order in zip(frames, scores, best, strict=True):
        message = Classification(
            model=model.name,
            model_id=model.codec.model_id,
            labels=[model.classes[index] for index in order],
            scores=[float(row[index]) for index in order],
            operating_point=frame.packet.point,
            payload_bits=8 * len(frame.packet.payload),
            wire_bits=frame.wire_bits,
            received=frame.received,
            classified=classified,
        )
        message.header.stamp = to_time(frame.stamp)
        message.header.frame_id = frame.frame_id
        messages.append(message)
    return messages
