"""What a launch file records: topics, their quality of service, and the `ros2 bag record` for them.

On the encoder's side images, latents, truth and status; on the classifier's side labels. Latents
are not recorded there: every subscriber behind the link costs a copy on the link.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from rclpy.expand_topic_name import expand_topic_name

from jcc_ros.nodes.installed import share

_PACKAGES = ("ros2bag", "rosbag2_storage_mcap")
_IMAGE, _STATUS = "/image_raw", "/encoder/status"  # as config/record.yaml names them


def encoder_topics(
    namespace: str, image_topics: Iterable[str], *, compressed: bool, images: bool
) -> dict[str, str]:
    """Return the topics around an encoder, each with the one of config/record.yaml it is like.

    Args:
        namespace: of the node.
        image_topics: its parameter.
        compressed: whether it takes compressed images.
        images: whether to record them.
    """
    node = node_name("encoder", namespace)
    kinds = ["/latent", "/truth"]
    if images:
        kinds.append("/compressed" if compressed else "")
    bases = [_resolve(topic, node) for topic in image_topics]
    topics = {base + kind: _IMAGE + kind for base in bases for kind in kinds}
    return {**topics, _resolve("~/status", node): _STATUS}


def classifier_topics(namespace: str, latent_topics: Iterable[str]) -> dict[str, str]:
    """Return the topics of a classifier, as `encoder_topics` does.

    Args:
        namespace: of the node.
        latent_topics: its parameter; patterns give patterns.
    """
    node = node_name("classifier", namespace)
    bases = [_resolve(topic, node).removesuffix("/latent") for topic in latent_topics]
    return {f"{base}/labels": f"{_IMAGE}/labels" for base in bases}


def record_command(folder: str, topics: Mapping[str, str]) -> list[str]:
    """Return the command that records topics into a new mcap bag, and write its QoS overrides.

    Args:
        folder: of the bag.
        topics: each with the one of config/record.yaml that it is recorded like.
    Raises:
        RuntimeError: ros2 bag is not installed, or the folder exists already.
    """
    missing = [package for package in _PACKAGES if not _is_installed(package)]
    if missing:
        names = " ".join(f"ros-$ROS_DISTRO-{package.replace('_', '-')}" for package in missing)
        raise RuntimeError(
            f"record: cannot find {' and '.join(missing)}; run sudo apt install {names}"
        )
    if Path(folder).exists():
        raise RuntimeError(f"record: {folder} already exists; give a new folder")
    # Names are positional for the ros2 bag of Humble, and follow --topics for that of Rolling.
    names = "|".join(re.sub(r"\*+", ".*", topic) for topic in topics)
    return [
        *("ros2", "bag", "record", "--storage", "mcap", "--output", folder),
        *("--regex", f"^({names})$"),
        *("--qos-profile-overrides-path", str(_write_overrides(topics))),
    ]


def node_name(node: str, namespace: str) -> str:
    """Return the name of a node with its namespace, which may be empty or lack its slash."""
    return "/" + "/".join([*filter(None, namespace.split("/")), node])


def read_parameters(node: str, *files: str | Path) -> dict[str, Any]:
    """Return the parameters that files have for a node; the last file wins.

    Args:
        node: its name, with the namespace.
    """
    values: dict[str, Any] = {}
    for file in files:
        for pattern, section in _sections(yaml.safe_load(Path(file).read_text()) or {}):
            if re.fullmatch(pattern, node):
                values.update(section)
    return values


def _sections(page: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every section of a parameter file, after the pattern of the nodes that it is for."""
    for name, value in page.items():
        if name == "ros__parameters":
            yield above, value
        else:
            level = f"/{name.strip('/')}".replace("/**", "(/[^/]+)#").replace("*", "[^/]+")
            yield from _sections(value, above + level.replace("#", "*"))


def _resolve(topic: str, node: str) -> str:
    if "*" in topic:  # patterns are compared with full names
        return topic
    namespace, name = node.rsplit("/", 1)
    return expand_topic_name(topic, name, namespace or "/")


def _write_overrides(topics: Mapping[str, str]) -> Path:
    """Write the QoS of all topics but those of patterns, where ros2 bag takes what is offered."""
    profiles = yaml.safe_load((share() / "config" / "record.yaml").read_text())
    overrides = {topic: profiles[like] for topic, like in topics.items() if "*" not in topic}
    with tempfile.NamedTemporaryFile(
        "w", prefix="jcc_record_", suffix=".yaml", delete=False
    ) as file:
        yaml.safe_dump(overrides, file)
    return Path(file.name)


def _is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True
