"""Every form of a recording is read; what cannot be read is refused by name."""

import re
import shutil
import sqlite3

import numpy as np
import pytest
import yaml
from recordings import Recording
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from jcc_ros.datasets import ros_types
from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.evaluation.bags import Bag, BagError

FORMS = [
    (StoragePlugin.MCAP, CompressionMode.NONE),
    (StoragePlugin.MCAP, CompressionMode.STORAGE),
    (StoragePlugin.MCAP, CompressionMode.MESSAGE),
    (StoragePlugin.SQLITE3, CompressionMode.NONE),
    (StoragePlugin.SQLITE3, CompressionMode.FILE),
    (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
]


@pytest.fixture
def few() -> Recording:
    recording = Recording()
    for stamp in range(10**18, 10**18 + 20 * 10**8, 10**8):
        recording.latent(stamp, b"nothing")
        recording.text(stamp + 1, "/label", "cat")
    return recording


def times(path) -> list[int]:
    with Bag(path) as bag:
        topics = set(bag.topics(ros_types.LATENT, ros_types.STRING))
        return [recorded.time for recorded in bag.messages(topics)]


@pytest.mark.parametrize(("storage", "compression"), FORMS, ids=str)
def test_every_storage_and_compression(few, tmp_path, storage, compression):
    path = few.write(tmp_path / "bag", storage, compression)
    with Bag(path) as bag:
        assert bag.topics(ros_types.LATENT) == ["/image_raw/latent"]
        assert bag.topics(ros_types.IMAGE) == []
        assert bag.duration == pytest.approx(1.905)
        first = next(bag.messages({"/image_raw/latent"}))
    assert first.kind == ros_types.LATENT
    assert nanoseconds(first.message.header.stamp) == 10**18
    assert bytes(first.message.data) == b"nothing"
    assert times(path) == sorted(time for time, *_ in few.messages)


def test_single_file(few, tmp_path):
    folder = few.write(tmp_path / "bag")
    assert times(folder / "bag.mcap") == times(folder)


def test_split_recording(few, tmp_path):
    """Files as rosbag2 splits them, of which the metadata knows, and without metadata."""
    halves = Recording(few.messages[:20]), Recording(few.messages[20:])
    folder = halves[0].write(tmp_path / "bag")
    (folder / "bag.mcap").rename(folder / "bag_0.mcap")
    other = halves[1].write(tmp_path / "other")
    shutil.move(other / "other.mcap", folder / "bag_1.mcap")
    metadata = folder / "metadata.yaml"
    page = yaml.safe_load(metadata.read_text())
    page["rosbag2_bagfile_information"]["relative_file_paths"] = ["bag_0.mcap", "bag_1.mcap"]
    metadata.write_text(yaml.safe_dump(page))
    expected = sorted(time for time, *_ in few.messages)
    assert times(folder) == expected
    metadata.unlink()  # the recorder lost power
    assert times(folder) == expected


def test_older_definition_in_the_bag(tmp_path):
    """A label from before it told its times and its bits."""
    store = get_typestore(Stores.ROS2_JAZZY)
    old = "std_msgs/Header header\nstring model\nstring[] labels\nfloat32[] scores\n"
    store.register(get_types_from_msg(old, ros_types.CLASSIFICATION))
    recording = Recording(store=store)
    header = recording.header(10**18)
    message = recording.make(ros_types.CLASSIFICATION, header, "m", ["cat"], np.ones(1, np.float32))
    recording.add(10**18, "/image_raw/labels", ros_types.CLASSIFICATION, message)
    for storage in (StoragePlugin.MCAP, StoragePlugin.SQLITE3):
        path = recording.write(tmp_path / storage.name, storage)
        with Bag(path) as bag:
            (recorded,) = bag.messages({"/image_raw/labels"})
        assert recorded.message.labels == ["cat"]
        assert not hasattr(recorded.message, "received")


def test_definition_without_what_is_needed(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg("std_msgs/Header header\nstring text\n", ros_types.LATENT))
    recording = Recording(store=store)
    message = recording.make(ros_types.LATENT, recording.header(0), "x")
    recording.add(10**18, "/image_raw/latent", ros_types.LATENT, message)
    path = recording.write(tmp_path / "bag")
    with pytest.raises(BagError, match=r"Latent has no field 'data'; read it with the version"):
        times(path)


def _forget_definitions(path, digest: str) -> None:
    """Make of a bag what Humble (no digest) or Iron (a digest) writes with sqlite3."""
    with sqlite3.connect(next(path.glob("*.db3"))) as database:
        database.execute("DELETE FROM message_definitions")
        database.execute("UPDATE topics SET type_description_hash = ?", (digest,))
    metadata = path / "metadata.yaml"
    page = yaml.safe_load(metadata.read_text())
    for topic in page["rosbag2_bagfile_information"]["topics_with_message_count"]:
        topic["topic_metadata"]["type_description_hash"] = digest
    metadata.write_text(yaml.safe_dump(page))


def test_bag_without_definitions_is_read_with_ours(few, tmp_path):
    path = few.write(tmp_path / "bag", StoragePlugin.SQLITE3)
    _forget_definitions(path, "")
    assert len(times(path)) == 40


def test_bag_without_definitions_of_another_version_is_refused(few, tmp_path):
    path = few.write(tmp_path / "bag", StoragePlugin.SQLITE3)
    _forget_definitions(path, "RIHS01_" + "0" * 64)
    with pytest.raises(BagError, match=r"RIHS01_0000.*Read it with the version that recorded it"):
        times(path)


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_damage_is_told(few, tmp_path, storage):
    path = few.write(tmp_path / "bag", storage)
    (file,) = [f for f in path.iterdir() if f.suffix in (".mcap", ".db3")]
    whole = file.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], bytes(len(whole))):
        file.write_bytes(damaged)
        with pytest.raises(BagError, match=re.escape(str(path))):
            times(path)


def test_cut_off_mcap_names_the_remedy(few, tmp_path):
    file = few.write(tmp_path / "bag") / "bag.mcap"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(BagError, match="mcap recover"):
        times(file)


def test_no_recording(tmp_path):
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "notes.txt"):
        if path.suffix:
            path.write_text("no bag")
        with pytest.raises(BagError, match=re.escape(str(path))):
            times(path)


def test_topic_that_is_no_name(few, tmp_path):
    few.text(10**18, "/evil\x1b[2J", "cat")
    with pytest.raises(BagError, match=r"invalid topic name '/evil\\x1b\[2J'"):
        times(few.write(tmp_path / "bag"))


def test_empty_metadata_is_none(few, tmp_path):
    folder = few.write(tmp_path / "bag")
    expected = times(folder)
    (folder / "metadata.yaml").write_text("")
    assert times(folder) == expected


def test_compressed_files_without_metadata_name_the_remedy(few, tmp_path):
    folder = few.write(tmp_path / "bag", StoragePlugin.SQLITE3, CompressionMode.FILE)
    (folder / "metadata.yaml").unlink()
    (file,) = folder.iterdir()
    for path in (folder, file):
        with pytest.raises(BagError, match=r"unpack .*`zstd -d"):
            times(path)
