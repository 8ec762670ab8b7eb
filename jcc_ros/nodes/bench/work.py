"""What the nodes do with a message, without the middleware around it: for measuring."""

import queue
from array import array
from collections.abc import Callable, Sequence
from itertools import count
from threading import Thread

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray

from jcc_ros.codec.outbox import Bundle
from jcc_ros.codec.sender import Sender
from jcc_ros.msg import Classification, Latent
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.nodes.decoding import frames_of
from jcc_ros.nodes.encoder import EncoderPage
from jcc_ros.nodes.encoding import encode
from jcc_ros.nodes.images import rgb8_image
from jcc_ros.nodes.labelling import labels_of
from jcc_ros.nodes.source import Frame
from jcc_ros.nodes.stream import latent_message

_TOPIC, _FRAME_ID = "image_raw", "camera"
_TOP_K, _BATCH = 3, 64


def encoding(model: EncoderModel, frame: NDArray[np.uint8]) -> Callable[[], Latent]:
    """Return a function that does the encoder's work for one image message, at no bit rate limit.

    Args:
        frame: RGB [H, W, 3].
    """
    image = rgb8_image(frame)
    image.header.frame_id = _FRAME_ID
    sent: list[Latent] = []

    def send(topic: str, bundle: Bundle) -> None:
        sent.append(latent_message(bundle))

    sender = Sender(model.codec, send)
    budget = EncoderPage().budget()
    frames = count(1)

    def work() -> Latent:
        now = next(frames) / 30
        encode(model, sender, _TOPIC, image, now, budget)
        sender.send_due(now, budget)
        return sent.pop()

    return work


def classifying(model: ClassifierModel, data: Sequence[bytes]) -> Callable[[], int]:
    """Return a function that decodes and labels messages on two threads, as the classifier does.

    It returns how many labels it made.

    Args:
        data: of the messages, one packet each.
    """
    messages = [Latent(data=array("B", packet)) for packet in data]
    for message in messages:
        message.header.frame_id = _FRAME_ID

    def work() -> int:
        waiting: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        labels: list[Classification] = []

        def label() -> None:
            while len(labels) < len(messages):
                batch = [waiting.get()]
                while len(batch) < _BATCH and not waiting.empty():
                    batch.append(waiting.get())
                labels.extend(labels_of(model, batch, _TOP_K, Time))

        worker = Thread(target=label)
        worker.start()
        for message in messages:
            (frame,), _ = frames_of(message, [model], Time())
            waiting.put(frame)
        worker.join()
        return len(labels)

    return work
