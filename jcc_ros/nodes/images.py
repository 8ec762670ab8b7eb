"""Images as ROS messages."""

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image


def rgb8_image(frame: NDArray[np.uint8]) -> Image:
    """Return an RGB image [H, W, 3] as a message, without a header."""
    height, width, channels = frame.shape
    message = Image(height=height, width=width, encoding="rgb8", step=width * channels)
    message.data.frombytes(frame)  # one copy; to assign an array would be three
    return message
