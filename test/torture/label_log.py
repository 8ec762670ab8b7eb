"""A node that appends arrival and stamp of every label to a file: `label_log.py TOPIC FILE`."""

import sys
import time
from pathlib import Path

import rclpy
from jcc_ros.msg import Classification

_, topic, file = sys.argv
with Path(file).open("a", buffering=1) as log:

    def note(label: Classification) -> None:
        stamp = label.header.stamp.sec + label.header.stamp.nanosec / 1e9
        log.write(f"{time.time():.6f} {stamp:.6f}\n")

    rclpy.init()
    node = rclpy.create_node("label_log")
    node.create_subscription(Classification, topic, note, 1000)
    rclpy.spin(node)
