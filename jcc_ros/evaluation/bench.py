"""How long the parts take: seeded inputs, medians over many repetitions, floors beside them.

A part and its peer are timed in turns, so that whatever else the machine does slows both.
"""

import gc
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from jcc_ros.codec.latent_codec import LatentCodec
from jcc_ros.codec.packet import split
from jcc_ros.evaluation.synthetic import FRAME, camera_frame, typical_latents
from jcc_ros.networks.classifier_model import ClassifierModel
from jcc_ros.networks.deployed_classifier import DeployedClassifier
from jcc_ros.networks.encoder_model import EncoderModel
from jcc_ros.networks.preprocess import Preprocess

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]
_LATENTS = 256  # how many different ones the codec is timed on
_BATCH = 64

Work = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """How long one call took.

    Attributes:
        median, p05, p95: seconds a call, 5th and 95th percentile.
    """

    median: float
    p05: float
    p95: float


@dataclass(frozen=True)
class Benchmark:
    """One row of the report.

    Attributes:
        name: what was timed, in words.
        unit: of all figures.
        value, p05, p95: median, 5th and 95th percentile.
        repetitions: how many calls were timed.
        peer: what it is compared with, timed in turns with it.
        peer_value: the peer's median.
        floor: what this machine could reach: multiply-adds at the speed of a matrix product, bytes
            at the speed of a copy.
        goal: what the value, or the ratio, should be.
    """

    name: str
    unit: str
    value: float
    p05: float
    p95: float
    repetitions: int
    peer: str | None = None
    peer_value: float | None = None
    floor: float | None = None
    goal: str | None = None

    @property
    def ratio(self) -> float | None:
        """The value in units of the peer's."""
        return self.value / self.peer_value if self.peer_value else None


@dataclass(frozen=True)
class Machine:
    """What one core of this machine reaches.

    Attributes:
        multiply_adds: a second, single precision, in a matrix product.
        bytes: a second, copied, of a camera frame that the caches may hold.
    """

    multiply_adds: float
    bytes: float


def run_all(
    encoder: EncoderModel,
    classifier: ClassifierModel,
    effort: float,
    encoding: Callable[[EncoderModel, NDArray[np.uint8]], Work] | None = None,
) -> list[Benchmark]:
    """Time every part of a model, on one thread.

    Args:
        effort: scales the repetitions; 1 takes about ten seconds.
        encoding: makes the encoder node's work on a frame, message to message; None without ROS.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        core = measure_core(max(3, round(30 * effort)))
        return [
            *codec(encoder.codec, max(50, round(4000 * effort))),
            *robot(encoder, max(10, round(500 * effort)), core, encoding),
            classification(classifier, max(5, round(100 * effort)), core),
        ]
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(-1)


def measure_core(repetitions: int) -> Machine:
    """Measure what the floors stand on."""
    size = 1024
    matrix = torch.ones(size, size)
    frame = np.zeros((*FRAME, 3), np.uint8)
    copy = np.zeros_like(frame)
    product, copied = in_turns(
        [lambda: torch.mm(matrix, matrix), lambda: np.copyto(copy, frame)], repetitions
    )
    return Machine(size**3 / product.p05, frame.nbytes / copied.p05)


def codec(subject: LatentCodec, repetitions: int) -> list[Benchmark]:
    """Latent to bytes and back, at the costliest operating point."""
    point = len(subject.ladder) - 1
    latents = typical_latents(subject.ladder, point, _LATENTS)
    wires = [subject.encode(latent, point).to_bytes() for latent in latents]
    to_encode, to_decode, to_send = cycle(latents), cycle(wires), cycle(latents)

    def encode() -> bytes:
        return subject.encode(next(to_encode), point).to_bytes()

    def decode() -> None:
        (packet,) = split(next(to_decode))
        subject.decode(packet)

    def both() -> None:
        (packet,) = split(subject.encode(next(to_send), point).to_bytes())
        subject.decode(packet)

    encoded, decoded, together = in_turns([encode, decode, both], repetitions)
    where = f"point {point}, {subject.ladder[point].bits:.0f} bits"
    return [
        _row(f"latent to packet ({where})", "us", encoded, repetitions),
        _row("packet to latent", "us", decoded, repetitions),
        _row("both", "us", together, repetitions, goal="< 100 us"),
    ]


def robot(
    encoder: EncoderModel,
    repetitions: int,
    core: Machine,
    encoding: Callable[[EncoderModel, NDArray[np.uint8]], Work] | None,
) -> list[Benchmark]:
    """Camera frame to message, whole and in parts, against JPEG of the same frame."""
    frame = camera_frame()
    resize, point = encoder.network.config.input, len(encoder.codec.ladder) - 1
    small = resize(frame)
    reading = _bytes_read(resize) / core.bytes
    computing = encoder.network.config.multiply_adds / core.multiply_adds
    target = f"{resize.width}x{resize.height}"
    parts: list[tuple[str, float, Work]] = [
        (f"preprocess, 640x480 to {target}", reading, lambda: resize(frame)),
        (f"encoder network, {target}", computing, lambda: encoder.network(small)),
        (
            "frame to packet",
            reading + computing,
            lambda: encoder.codec.encode(encoder.latent(frame), point).to_bytes(),
        ),
    ]
    if encoding:
        whole = encoding(encoder, frame)
        parts.append(("image message to latent message", reading + computing, whole))
    jpeg, *timings = in_turns(
        [lambda: cv2.imencode(".jpg", frame, _JPEG), *(work for _, _, work in parts)], repetitions
    )
    return [
        _row(
            name,
            "ms",
            timing,
            repetitions,
            peer="JPEG 80, 640x480",
            peer_seconds=jpeg.median,
            floor_seconds=floor,
            goal="ratio <= 1" if "message" in name else None,
        )
        for (name, floor, _), timing in zip(parts, timings, strict=True)
    ]


def _bytes_read(resize: Preprocess) -> float:
    """Return how many bytes of a camera frame its resized image depends on."""
    height, width = FRAME
    if resize.fit == "crop":
        scale = min(height / resize.height, width / resize.width)
        height, width = round(resize.height * scale), round(resize.width * scale)
    return 3.0 * height * width


def classification(classifier: ClassifierModel, repetitions: int, core: Machine) -> Benchmark:
    """Latents of a whole batch to scores, against the same latents one by one."""
    ladder = classifier.codec.ladder
    latents = typical_latents(ladder, len(ladder) - 1, _BATCH)
    batch, single = in_turns(
        [lambda: classifier.network(latents), lambda: classifier.network(latents[:1])], repetitions
    )
    cost = classifier.network.config.multiply_adds(*ladder.shape[1:])
    return _rate(
        f"classifier, batches of {_BATCH}",
        _BATCH,
        batch,
        repetitions,
        peer="one by one",
        peer_value=1 / single.median,
        floor=core.multiply_adds / cost,
    )


def throughput(
    classifier: ClassifierModel,
    classifying: Callable[[ClassifierModel, Sequence[bytes]], Work],
    effort: float,
) -> Benchmark:
    """Packets to label messages as the classifier node does it, against its bare network.

    Both on all cores, the network in batches of 64.

    Args:
        classifying: makes the classifier node's work on the data of messages.
    """
    network = classifier.network
    classifier = replace(classifier, network=DeployedClassifier(network.config, network.weights))
    codec, repetitions = classifier.codec, max(2, round(8 * effort))
    point = len(codec.ladder) - 1
    latents = typical_latents(codec.ladder, point, _BATCH)
    rounds = max(2, round(20 * effort))
    data = [codec.encode(latent, point).to_bytes() for latent in latents] * rounds
    whole, bare = in_turns(
        [
            classifying(classifier, data),
            lambda: [classifier.network(latents) for _ in range(rounds)],
        ],
        repetitions,
    )
    return _rate(
        f"packets to labels, {os.cpu_count()} cores",
        len(data),
        whole,
        repetitions,
        peer=f"bare network, batches of {_BATCH}",
        peer_value=len(data) / bare.median,
        goal="ratio >= 0.8",
    )


def in_turns(works: list[Work], repetitions: int) -> list[Timing]:
    """Time each of `works` as often as asked, one after the other in every round."""
    for work in works:
        work()
    seconds = np.empty((len(works), repetitions))
    collecting = gc.isenabled()
    gc.disable()
    try:
        for repetition in range(repetitions):
            for index, work in enumerate(works):
                start = time.perf_counter_ns()
                work()
                seconds[index, repetition] = (time.perf_counter_ns() - start) * 1e-9
    finally:
        if collecting:
            gc.enable()
    return [
        Timing(float(middle), float(low), float(high))
        for low, middle, high in np.percentile(seconds, (5, 50, 95), axis=1).T
    ]


def machine() -> dict[str, Any]:
    """Return what a reader needs to know to compare figures."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "onnxruntime": version("onnxruntime"),
        "constriction": version("constriction"),
    }


def _row(
    name: str,
    unit: str,
    timing: Timing,
    repetitions: int,
    goal: str | None = None,
    peer: str | None = None,
    peer_seconds: float | None = None,
    floor_seconds: float | None = None,
) -> Benchmark:
    scale = {"us": 1e6, "ms": 1e3}[unit]
    return Benchmark(
        name,
        unit,
        timing.median * scale,
        timing.p05 * scale,
        timing.p95 * scale,
        repetitions,
        peer,
        None if peer_seconds is None else peer_seconds * scale,
        None if floor_seconds is None else floor_seconds * scale,
        goal,
    )


def _rate(
    name: str,
    images: int,
    timing: Timing,
    repetitions: int,
    peer: str,
    peer_value: float,
    floor: float | None = None,
    goal: str | None = None,
) -> Benchmark:
    return Benchmark(
        name,
        "images/s",
        images / timing.median,
        images / timing.p95,
        images / timing.p05,
        repetitions,
        peer,
        peer_value,
        floor,
        goal,
    )


def _cpu_name() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
