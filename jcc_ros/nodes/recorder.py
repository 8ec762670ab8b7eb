"""The recorder node: writes what `jcc bag` evaluates into a bag, where there is no `ros2 bag`.

Topics are found by type and subscribed to as they are offered, so that best-effort and latched
ones are really recorded. Messages are kept as they arrive, bit by bit.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.datasets import ros_types
from jcc_ros.msg import Classification, EncoderStatus, Latent
from jcc_ros.nodes.parameters import Page, Parameters, read_only
from jcc_ros.nodes.run import run

_DISCOVERY_PERIOD = 0.2  # s
_DEPTH = 1000
_KINDS = {
    ros_types.LATENT: Latent,
    ros_types.CLASSIFICATION: Classification,
    ros_types.ENCODER_STATUS: EncoderStatus,
    ros_types.IMAGE: Image,
    ros_types.COMPRESSED_IMAGE: CompressedImage,
}
_IMAGES = (ros_types.IMAGE, ros_types.COMPRESSED_IMAGE)


class RecorderPage(Page):
    """Parameters of the recorder node."""

    bag: str = read_only(
        "bag", min_length=1, description="Folder to create for the recording; it must not exist."
    )
    images: bool = read_only(
        True, description="Record images as well as latents, labels, ground truth and status."
    )


class Recorder(Node):
    """Writes an mcap bag until it ends."""

    def __init__(self) -> None:
        super().__init__("recorder")
        page = Parameters(self, RecorderPage).current
        folder = Path(page.bag)
        if folder.exists():
            raise ValueError(f"bag: {page.bag!r} already exists; give a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._kinds = {k: v for k, v in _KINDS.items() if page.images or k not in _IMAGES}
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._topics: set[str] = set()
        self._messages = 0
        self.create_timer(_DISCOVERY_PERIOD, self._discover)
        self._discover()

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()
        self.get_logger().info(f"recorded {self._messages} messages on {len(self._topics)} topics")

    def _discover(self) -> None:
        for topic, kinds in self.get_topic_names_and_types():
            kind = next((kind for kind in kinds if kind in self._kinds), None)
            if kind is None or topic in self._topics:
                continue
            offered = self.get_publishers_info_by_topic(topic)
            if not offered:
                continue
            self._topics.add(topic)
            connection = self._writer.add_connection(topic, kind, typestore=ros_types.typestore())
            self.create_subscription(
                self._kinds[kind],
                topic,
                partial(self._record, connection),
                _as_offered(offered),
                raw=True,
            )
            self.get_logger().info(f"recording {topic}")

    def _record(self, connection: Connection, message: bytes) -> None:
        self._writer.write(connection, self.get_clock().now().nanoseconds, message)
        self._messages += 1


def _as_offered(publishers: Iterable[TopicEndpointInfo]) -> QoSProfile:
    """Return the strongest demands that all publishers of a topic meet."""
    profiles = [publisher.qos_profile for publisher in publishers]
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
    return QoSProfile(
        depth=_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def main() -> None:
    """Run the recorder node."""
    run(Recorder)


if __name__ == "__main__":
    main()
