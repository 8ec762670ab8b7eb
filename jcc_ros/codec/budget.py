"""What the user of an encoder asks for, and the most of it that may be."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_BITRATE = 1e9  # bit/s
MAX_FPS = 1000.0
MAX_DELAY = 30.0  # s


@dataclass(frozen=True)
class Budget:
    """What the user asks for.

    Attributes:
        bitrate: bit/s at the IP layer for all topics together, infinite for no limit.
        max_fps: frames a second and topic, infinite for no limit.
        frames_per_message: at the most.
        max_delay: s that a frame may wait for others to share its message.
        weights: shares of the topics in the bit rate, relative to each other; 1 if not named.
    """

    bitrate: float = math.inf
    max_fps: float = math.inf
    frames_per_message: int = 1
    max_delay: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
