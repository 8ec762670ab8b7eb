"""`jcc data`: images that the other commands read."""

import cv2
import numpy as np
import pytest
from recordings import PERIOD, START, TO_IMAGE, Recording

from jcc_ros.datasets import ros_types
from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import load, read_image
from jcc_ros.networks.preprocess import Preprocess


@pytest.mark.parametrize("part", ["train", "test"])
def test_digits_as_npz(jcc, tmp_path, part):
    outcome = jcc("data", "digits", tmp_path / "out.npz", "--part", part)
    assert outcome.status == 0, outcome.err
    written, expected = load(tmp_path / "out.npz", Preprocess(height=32, width=32)), digits(part)
    np.testing.assert_array_equal(written.images, expected.images)
    np.testing.assert_array_equal(written.labels, expected.labels)


def test_digits_as_folder(jcc, refused, tmp_path):
    words = ["data", "digits", tmp_path / "out", "--part", "test"]
    assert jcc(*words).status == 0
    assert sorted(folder.name for folder in (tmp_path / "out").iterdir()) == list("0123456789")
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 599
    assert "not empty" in refused(*words)


def _batch(images: np.ndarray, *labels: np.ndarray) -> bytes:
    """Return images [N, 32, 32, 3] as the authors of CIFAR lay them out."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.column_stack([*labels, planes]).astype(np.uint8).tobytes()


def test_cifar_from_the_archives(jcc, refused, tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 32, 32, 3), np.uint8)
    labels = np.arange(12) % 3
    ten, hundred = tmp_path / "cifar-10-batches-bin", tmp_path / "cifar-100-binary"
    ten.mkdir()
    hundred.mkdir()
    (ten / "batches.meta.txt").write_text("airplane\nautomobile\nbird\n\n")
    for n in range(5):
        part = slice(2 * n, 2 * n + 2)
        (ten / f"data_batch_{n + 1}.bin").write_bytes(_batch(images[part], labels[part]))
    (ten / "test_batch.bin").write_bytes(_batch(images[10:], labels[10:]))
    (hundred / "fine_label_names.txt").write_text("apple\naquarium_fish\nbaby\n")
    (hundred / "train.bin").write_bytes(_batch(images, 9 - labels, labels))
    size = Preprocess(height=32, width=32)
    for folder, part, expected in (
        (ten, "train", slice(10)),
        (ten, "test", slice(10, 12)),
        (hundred, "train", slice(12)),
    ):
        assert jcc("data", "cifar", folder, tmp_path / "out.npz", "--part", part).status == 0
        written = load(tmp_path / "out.npz", size)
        np.testing.assert_array_equal(written.images, images[expected])
        np.testing.assert_array_equal(written.labels, labels[expected])
    assert written.classes == ("apple", "aquarium_fish", "baby")
    out = tmp_path / "other.npz"
    assert "test.bin" in refused("data", "cifar", hundred, out, "--part", "test")
    assert "has neither batches.meta.txt" in refused("data", "cifar", tmp_path, out)
    (hundred / "train.bin").write_bytes(b"cut off")
    assert "whole number of images" in refused("data", "cifar", hundred, out)
    assert not out.exists()


@pytest.fixture
def recording(few_digits) -> Recording:
    """Nine images on one topic, one a tenth of a second; the sixth is no image."""
    recording = Recording()
    for index in range(9):
        recording.image(START + index * 10**8, few_digits.images[index], "/camera/image_raw")
    fields = (recording.header(START + 5 * 10**8), 32, 32, "odd8", 0, 32, np.zeros(9, np.uint8))
    recording.messages[5] = (*recording.messages[5][:3], recording.make(ros_types.IMAGE, *fields))
    return recording


@pytest.fixture
def spans(tmp_path):
    file = tmp_path / "spans.csv"
    file.write_text("start,end,label\n0.0,0.3,ant\n0.4,0.75,bee\n")
    return file


def test_images_of_a_bag(jcc, recording, spans, few_digits, tmp_path):
    bag = recording.write(tmp_path / "drive")
    outcome = jcc("data", "from-bag", bag, "--labels", spans, "--out", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    assert "odd8" in outcome.err
    assert "6 images, 2 classes; left out: 2 without a label, 1 unreadable" in outcome.out
    # The bag starts with the first recorded message, which is a little later than its stamp.
    ants, bees = (sorted((tmp_path / "out" / name).iterdir()) for name in ("ant", "bee"))
    assert [file.name for file in ants] == [
        f"drive_{START + TO_IMAGE}-camera-image_raw_{START + index * 10**8}_{index:06d}.png"
        for index in range(4)
    ]
    assert len(bees) == 2
    for file, image in zip(ants, few_digits.images[:4], strict=True):
        np.testing.assert_array_equal(read_image(file), image)


def test_images_of_a_bag_go_to_no_npz(refused, recording, spans, tmp_path):
    words = ["data", "from-bag", recording.write(tmp_path / "drive"), "--labels", spans]
    error = refused(*words, "--out", tmp_path / "out.npz")
    assert "out.npz: from-bag writes a folder" in error
    assert error.endswith(f"give --out a folder, such as {tmp_path / 'out'}\n")
    assert not (tmp_path / "out.npz").exists()


def test_several_bags_share_a_folder_but_none_comes_twice(jcc, refused, recording, spans, tmp_path):
    for name in ("one_2", "one", "two"):
        words = ["data", "from-bag", recording.write(tmp_path / name), "--labels", spans]
        assert jcc(*words, "--out", tmp_path / "out", "--every", 2).status == 0
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 9
    assert "holds images of /camera/image_raw of" in refused(*words, "--out", tmp_path / "out")


def test_bags_of_two_days_may_have_one_name(jcc, few_digits, spans, tmp_path):
    for day in range(2):
        recording = Recording()
        for index in range(3):
            stamp = START + day * 86400 * 10**9 + index * 10**8
            recording.image(stamp, few_digits.images[index])
        words = ["data", "from-bag", recording.write(tmp_path / str(day) / "run")]
        assert jcc(*words, "--labels", spans, "--out", tmp_path / "out").status == 0
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 2 * 3


def test_two_cameras_of_a_bag_share_a_folder(jcc, recording, spans, few_digits, tmp_path):
    for index in range(9):
        recording.image(START + index * 10**8, few_digits.images[index], "/rear")
    words = ["data", "from-bag", recording.write(tmp_path / "two"), "--labels", spans]
    for topic in ("/camera/image_raw", "/rear"):
        assert jcc(*words, "--out", tmp_path / "out", "--topic", topic).status == 0
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 6 + 7


def test_compressed_images_and_stamps(jcc, few_digits, tmp_path):
    recording, lines = Recording(), []
    for index in range(4):
        stamp = START + index * PERIOD
        _, data = cv2.imencode(".png", few_digits.images[index][..., ::-1])
        kind = ros_types.COMPRESSED_IMAGE
        fields = (recording.header(stamp), "png", data)
        topic = "/image_raw/compressed"
        recording.add(stamp + TO_IMAGE, topic, kind, recording.make(kind, *fields))
        lines.append(f"{stamp},{'odd' if index % 2 else 'even'}\n")
    (tmp_path / "labels.csv").write_text("".join(lines))
    words = ["--labels", tmp_path / "labels.csv", "--out", tmp_path / "out"]
    outcome = jcc("data", "from-bag", recording.write(tmp_path / "drive"), *words)
    assert outcome.status == 0, outcome.err
    files = sorted((tmp_path / "out").glob("odd/*.png"))
    np.testing.assert_array_equal(read_image(files[1]), few_digits.images[3])


def test_topic_must_be_clear_and_there(refused, recording, spans, tmp_path, few_digits):
    recording.image(START, few_digits.images[0], "/other")
    words = ["data", "from-bag", recording.write(tmp_path / "drive"), "--labels", spans]
    words += ["--out", tmp_path / "out"]
    assert "/camera/image_raw, /other" in refused(*words)
    assert "no images on /nowhere" in refused(*words, "--topic", "/nowhere")


def test_labels_that_fit_nothing_or_name_no_folder(refused, recording, tmp_path):
    words = ["data", "from-bag", recording.write(tmp_path / "drive"), "--out", tmp_path / "out"]
    labels = tmp_path / "labels.csv"
    labels.write_text("100,200,ant\n")
    error = refused(*words, "--labels", labels)
    assert "labels none of the images" in error
    assert "its times go from 100.000 to 200.000 s" in error
    assert "the frames' stamps from -0.001 to 0.799 s" in error
    for label in ("../up", "x" * 201):
        labels.write_text(f"0,0.3,ant\n0.3,200,{label}\n")
        assert f"{label!r}" in refused(*words, "--labels", labels)
    assert not (tmp_path / "up").exists()
    assert not (tmp_path / "out").exists()


def test_classes_that_no_image_shows_are_told(jcc, recording, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("0,0.3,ant\n0.45,0.55,bee\n100,200,cat\n")  # the bee's image is damaged
    words = ["data", "from-bag", recording.write(tmp_path / "drive"), "--out", tmp_path / "out"]
    outcome = jcc(*words, "--labels", labels)
    assert outcome.status == 0, outcome.err
    assert f"{labels}: labels without an image: bee, cat\n" in outcome.err


def test_images_none_of_which_can_be_read(jcc, recording, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("0.45,0.55,bee\n")
    words = ["data", "from-bag", recording.write(tmp_path / "drive"), "--out", tmp_path / "out"]
    outcome = jcc(*words, "--labels", labels)
    assert outcome.status == 1
    assert "odd8" in outcome.err
    assert outcome.err.endswith("no labelled image on /camera/image_raw can be read\n")
