"""Recordings of rosbag2, read as a stream: what is in them, by type, and one message at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, MessageDefinitionFormat
from typing_extensions import Self

from jcc_ros.codec.packet import Packet, readable
from jcc_ros.datasets import ros_types
from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.text import printable

KINDS = (
    ros_types.LATENT,
    ros_types.CLASSIFICATION,
    ros_types.ENCODER_STATUS,
    ros_types.IMAGE,
    ros_types.COMPRESSED_IMAGE,
    ros_types.STRING,
)
_FILES = (".mcap", ".db3")
_UNPACK = "`zstd -d *.zstd`"
_NEEDED = {  # without these fields a message says nothing
    ros_types.LATENT: ("header", "data"),
    ros_types.CLASSIFICATION: ("header", "labels"),
    ros_types.ENCODER_STATUS: ("topics",),
}


class BagError(DataError):
    """A recording that cannot be read; the message names it and says why."""


@dataclass(frozen=True)
class Recorded:
    """One message of a bag.

    Attributes:
        kind: its type, one of KINDS.
        topic: where it was published.
        time: when it was recorded, ns.
        message: what was published, its fields as the recorded definition has them.
    """

    kind: str
    topic: str
    time: int
    message: Any


class Bag:
    """A rosbag2 recording: a folder or a single .mcap or .db3 file, compressed, split or not.

    Use it in a `with` statement.

    Args:
        path: of the recording.
    Raises:
        BagError: on entering or reading, whatever is wrong with the recording.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        try:
            self._reader = AnyReader(_files(self.path), default_typestore=ros_types.typestore())
            self._reader.open()
        # The parsers below raise whatever a damaged byte leads to.
        except Exception as error:
            raise BagError(f"{self.path}: {_explain(error)}") from error
        try:
            self._connections = [c for c in self._reader.connections if c.msgtype in KINDS]
            self._know_topics()
            self._know_types()
        except BaseException:
            self._reader.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.close()

    @property
    def start(self) -> int:
        """When the first message was recorded, ns."""
        return self._reader.start_time

    @property
    def duration(self) -> float:
        """Seconds from the first message to the last."""
        return max(0.0, self._reader.duration / 1e9) if self._reader.message_count else 0.0

    def topics(self, *kinds: str) -> list[str]:
        """Return the topics of some types that hold messages, in alphabetical order."""
        return sorted({c.topic for c in self._connections if c.msgtype in kinds and c.msgcount})

    def messages(self, topics: set[str]) -> Iterator[Recorded]:
        """Yield the messages of some topics in the order of recording."""
        chosen = [c for c in self._connections if c.topic in topics]
        if not chosen:
            return
        try:
            for connection, time, data in self._reader.messages(chosen):
                message = self._reader.deserialize(data, connection.msgtype)
                yield Recorded(connection.msgtype, connection.topic, time, message)
        except DataError:
            raise
        except Exception as error:
            raise BagError(f"{self.path}: {_explain(error)}") from error

    def _know_topics(self) -> None:
        """Make sure that the names of topics, which go to terminals and files, are names.

        Raises:
            BagError: one is not printable, which no publisher's can be.
        """
        for connection in self._connections:
            if not connection.topic.isprintable():
                raise BagError(f"{self.path}: invalid topic name {connection.topic!r}")

    def _know_types(self) -> None:
        """Take the bag's own definitions where it has them, ours where it has none.

        Raises:
            BagError: the bag has another definition than ours, which it does not tell.
        """
        ours, known = ros_types.typestore(), self._reader.typestore
        missing = {
            name: fields for name, fields in ours.fielddefs.items() if name not in known.fielddefs
        }
        known.register(missing)
        for connection in self._connections:
            kind = connection.msgtype
            if connection.msgdef.format == MessageDefinitionFormat.NONE and connection.digest:
                mine = ours.hash_rihs01(kind)
                if connection.digest != mine:
                    raise BagError(
                        f"{self.path}: {kind} was recorded with the definition "
                        f"{printable(connection.digest)}, which the bag does not hold; this "
                        f"version of jcc_ros has {mine}. Read it with the version that recorded "
                        "it, or record with storage mcap, which keeps definitions"
                    )
            names = {name for name, _ in known.fielddefs[kind][1]}
            lacking = [name for name in _NEEDED.get(kind, ()) if name not in names]
            if lacking:
                raise BagError(
                    f"{self.path}: the recorded {kind} has no field {lacking[0]!r}; read it with "
                    "the version of jcc_ros that recorded it"
                )


def packets(message: Any) -> tuple[list[Packet], str]:
    """Return the packets of a Latent, and what is wrong with the rest of it, if anything is."""
    found, error = readable(bytes(message.data))
    return found, str(error or "")


def _files(path: Path) -> list[Path]:
    """Return what the reader takes: a whole recording, or its files if it was never finished."""
    metadata = path / "metadata.yaml"
    # An empty one is what a recorder leaves that lost power.
    if path.is_dir() and not (metadata.is_file() and metadata.stat().st_size):
        files = sorted(file for file in path.iterdir() if file.suffix in _FILES)
        packed = [file for file in path.glob("*.zstd") if file.with_suffix("") not in files]
        if packed:
            raise FileNotFoundError(f"no metadata.yaml: unpack the files first, {_UNPACK}")
        if not files:
            raise FileNotFoundError("no recording: neither metadata.yaml nor .mcap or .db3 files")
        return files
    if not path.exists():
        raise FileNotFoundError("no such file or folder")
    if path.suffix == ".zstd":
        raise FileNotFoundError(f"the file is compressed as a whole: unpack it first, {_UNPACK}")
    return [path]


def _explain(error: Exception) -> str:
    text = printable(" ".join(str(error).split())) or type(error).__name__
    if "magic is invalid" in text or "Truncated" in text:
        text += " (cut off? `mcap recover` saves what is there)"
    return text
