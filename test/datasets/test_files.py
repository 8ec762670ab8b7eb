"""What is written is read back; what cannot be read is named."""

import os
import re
import threading

import cv2
import numpy as np
import pytest

from jcc_ros.datasets.files import load, read_image, save_folder, save_image, save_npz
from jcc_ros.datasets.images import DataError, LabelledImages
from jcc_ros.networks.preprocess import Preprocess

SIZE = Preprocess(height=16, width=16)


@pytest.fixture
def data() -> LabelledImages:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (9, 16, 16, 3), np.uint8)
    return LabelledImages(images, np.arange(9) % 3, ("ant", "bee", "cat"))


def test_npz_round_trip(data, tmp_path):
    save_npz(data.subset(np.arange(2)), tmp_path / "deep" / "data.npz")
    link = tmp_path / "link.npz"
    link.symlink_to(tmp_path / "deep" / "data.npz")
    save_npz(data, link)
    assert link.is_symlink()  # it goes on to be one
    read = load(tmp_path / "deep" / "data.npz", SIZE)
    np.testing.assert_array_equal(read.images, data.images)
    np.testing.assert_array_equal(read.labels, data.labels)
    assert read.classes == data.classes


def test_folder_round_trip(data, tmp_path):
    save_folder(data, tmp_path / "data")
    read = load(tmp_path / "data", SIZE)
    order = np.argsort(data.labels, kind="stable")
    np.testing.assert_array_equal(read.images, data.images[order])
    np.testing.assert_array_equal(read.labels, data.labels[order])
    assert read.classes == data.classes


def test_no_more_threads_read_than_asked_for(data, tmp_path):
    save_folder(data, tmp_path)
    readers = set()

    def resize(image: np.ndarray) -> np.ndarray:
        readers.add(threading.get_ident())
        return image

    load(tmp_path, resize, threads=1)
    assert len(readers) == 1
    assert threading.get_ident() not in readers


def test_images_of_any_size_come_out_at_the_wanted_one(tmp_path):
    for name, shape in {"a.jpg": (40, 30), "b.JPG": (16, 16), "c.Png": (9, 200)}.items():
        folder = tmp_path / "photos" / "ant"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.full((*shape, 3), 128, np.uint8))
    photos = load(tmp_path / "photos", SIZE)
    assert photos.images.shape == (3, 16, 16, 3)
    large = photos.resized(Preprocess(height=40, width=30))
    save_npz(large, tmp_path / "large.npz")
    assert load(tmp_path / "large.npz", SIZE).images.shape == (3, 16, 16, 3)


@pytest.mark.parametrize("name", ["a/b", "..", ".git", "a\\b", 128 * "ü"])
def test_images_go_to_no_folder_of_another_name(data, tmp_path, name):
    named = LabelledImages(data.images, data.labels, ("ant", name, "cat"))
    with pytest.raises(DataError, match="not a valid name for the folder"):
        save_folder(named, tmp_path / "data")
    assert [child.name for child in tmp_path.iterdir()] == ["data"]
    assert [child.name for child in (tmp_path / "data").iterdir()] == ["ant"]


def test_hidden_folders_are_no_classes(data, tmp_path):
    save_folder(data, tmp_path)
    (tmp_path / ".cache").mkdir()
    assert load(tmp_path, SIZE).classes == data.classes


def test_empty_folders_are_named_and_are_no_classes(data, tmp_path, caplog):
    save_folder(data, tmp_path)
    (tmp_path / "bat" / "later").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "ant").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "ant" / "._000000.png").write_bytes(b"attributes")
    read = load(tmp_path, SIZE)
    assert read.classes == data.classes
    np.testing.assert_array_equal(read.labels, np.sort(data.labels))
    (told,) = (record.getMessage() for record in caplog.records)
    assert told == f"{tmp_path}: ignored folders without files: '__MACOSX', 'bat'"


@pytest.mark.parametrize("name", ["photo.heic", "deeper/photo.png"])
def test_a_folder_none_of_whose_images_are_read_remains_a_class(data, tmp_path, name):
    save_folder(data, tmp_path)
    file = tmp_path / "dog" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"an image")
    assert load(tmp_path, SIZE).classes == (*data.classes, "dog")


def test_files_that_are_no_images_are_named_and_left_out(data, tmp_path, caplog):
    save_folder(data, tmp_path)
    (tmp_path / "ant" / "broken.png").write_bytes(b"no image")
    (tmp_path / "bee" / "photo.heic").write_bytes(b"no format that is read")
    (tmp_path / "cat" / ".hidden").write_bytes(b"nobody's business")
    read = load(tmp_path, SIZE)
    assert len(read) == len(data)
    np.testing.assert_array_equal(read.labels, np.sort(data.labels))
    broken, strange, count = (record.getMessage() for record in caplog.records)
    assert str(tmp_path / "ant" / "broken.png") in broken
    assert str(tmp_path / "bee" / "photo.heic") in strange
    assert "2 of 11 files" in count


def test_images_of_a_folder_know_their_files(data, tmp_path):
    save_folder(data, tmp_path)
    read = load(tmp_path, SIZE)
    assert read.files[:2] == ("ant/000000.png", "ant/000003.png")
    assert read.subset(np.array([4, 0])).files == (read.files[4], read.files[0])
    for file, image in zip(read.files, read.images, strict=True):
        np.testing.assert_array_equal(read_image(tmp_path / file), image)


def test_pickled_npz_is_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "executed"), "w")

    file = tmp_path / "pickled.npz"
    traps = np.array([Trap()], dtype=object)
    np.savez(file, images=traps, labels=np.zeros(1, np.int64), classes=np.array(["ant"]))
    with pytest.raises(DataError, match=re.escape(str(file))):
        load(file, SIZE)
    assert not (tmp_path / "executed").exists()


def _npz(file, **changes):
    arrays = {
        "images": np.zeros((2, 8, 8, 3), np.uint8),
        "labels": np.array([0, 1]),
        "classes": np.array(["ant", "bee"]),
    }
    np.savez(file, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"classes": None}, "classes"),
        ({"classes": np.array("ant")}, r"classes has shape \(\)"),
        ({"classes": np.array([["ant", "bee"]])}, r"classes has shape \(1, 2\)"),
        ({"labels": np.array([0, 2])}, "labels 0 to 2 do not fit 2 classes"),
        ({"labels": np.array([-1, 0])}, "labels -1 to 0 do not fit 2 classes"),
        ({"labels": np.array(["ant", "bee"])}, "labels"),
        ({"labels": np.array([0.5, 1.0])}, "labels"),
        ({"labels": np.array([0])}, r"labels: expected shape \[2\]"),
        ({"images": np.zeros((2, 8, 8), np.uint8)}, "images: expected uint8"),
        ({"images": np.zeros((2, 8, 8, 4), np.uint8)}, "images: expected uint8"),
        ({"images": np.zeros((2, 8, 8, 3), np.float32)}, "images: expected uint8"),
        ({"images": np.zeros((2, 0, 8, 3), np.uint8)}, "no images"),
        ({"images": np.zeros((0, 8, 8, 3), np.uint8), "labels": np.zeros(0, int)}, "no images"),
    ],
)
def test_npz_with_wrong_content_says_what_is_wrong(tmp_path, changes, reason):
    file = tmp_path / "data.npz"
    _npz(file, **changes)
    with pytest.raises(DataError, match=reason) as caught:
        load(file, SIZE)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "npy"])
def test_damaged_npz_is_named(tmp_path, data, damage):
    file = tmp_path / "data.npz"
    save_npz(data, file)
    content = bytearray(file.read_bytes())
    if damage == "npy":
        with file.open("wb") as target:
            np.save(target, data.images)
    else:
        content[300] ^= 0xFF  # inside the pixels
        changed = {
            "empty": b"",
            "text": b"images, labels, classes\n",
            "cut": content[: len(content) // 2],
            "flipped": content,
        }
        file.write_bytes(changed[damage])
    reason = ": damaged, its end is missing; copy it" if damage == "cut" else ""
    with pytest.raises(DataError, match=re.escape(f"{file}{reason}")):
        load(file, SIZE)


def test_classes_as_bytes_are_names(tmp_path):
    _npz(tmp_path / "data.npz", classes=np.array([b"ant", b"bee"]))
    assert load(tmp_path / "data.npz", SIZE).classes == ("ant", "bee")


@pytest.mark.parametrize(
    ("name", "width", "reason"),
    [
        ("image.foo", 4, "cannot write this format"),
        ("image", 4, "cannot write this format"),
        ("image.webp", 16_384, "this format cannot hold 16384 x 2 pixels"),
    ],
)
def test_what_no_image_file_holds_is_told_and_not_written(tmp_path, name, width, reason):
    with pytest.raises(DataError, match=rf"{name}: {reason}"):
        save_image(np.zeros((2, width, 3), np.uint8), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told(data, tmp_path):
    for name in ("image.png", "data.npz"):
        (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"image\.png: cannot be written: No space left"):
        save_image(data.images[0], tmp_path / "image.png")
    with pytest.raises(DataError, match=r"data\.npz: cannot be written: No space left"):
        save_npz(data, tmp_path / "data.npz")


@pytest.mark.parametrize("end", [OSError(28, "No space left"), KeyboardInterrupt()], ids=repr)
def test_what_was_there_stays_where_writing_fails(data, tmp_path, monkeypatch, end):
    file = tmp_path / "data.npz"
    save_npz(data, file)
    before = file.read_bytes()

    def savez(target, **arrays):
        with open(target, "wb") if isinstance(target, os.PathLike) else target as half:
            half.write(b"half")
        raise end

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises((DataError, KeyboardInterrupt)):
        save_npz(data, file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_above_the_classes_is_told(data, tmp_path):
    save_folder(data, tmp_path / "train")
    with pytest.raises(DataError, match=re.escape(f"did you mean {tmp_path / 'train'}?")):
        load(tmp_path, SIZE)


def test_empty_folder_and_missing_path(tmp_path):
    with pytest.raises(DataError, match="CLASS/IMAGE"):
        load(tmp_path, SIZE)
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "missing", SIZE)


def test_sample_is_seeded_and_in_order(data):
    first, again, other = (data.sample(4, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    positions = [
        int(np.flatnonzero((data.images == i).all(axis=(1, 2, 3)))[0]) for i in first.images
    ]
    assert positions == sorted(positions)
    assert len(data.sample(100, 0)) == len(data)


def test_names_of_any_bytes(data, tmp_path, caplog):
    save_folder(data, tmp_path)
    folder = os.fsencode(tmp_path / "ant")
    os.rename(os.path.join(folder, b"000000.png"), os.path.join(folder, b"\xe9.png"))
    assert len(load(tmp_path, SIZE)) == len(data)
    assert not caplog.records


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "ppm", "tif"])
def test_files_that_were_cut_off_are_named_and_left_out(data, tmp_path, caplog, capfd, suffix):
    save_folder(data, tmp_path)
    random = np.random.default_rng(0)
    photo = tmp_path / "bee" / f"photo.{suffix}"
    save_image(random.integers(0, 256, (64, 64, 3), np.uint8), photo)
    photo.write_bytes(photo.read_bytes()[:-200])
    assert len(load(tmp_path, SIZE)) == len(data)
    assert str(photo) in caplog.records[0].getMessage()
    assert "imdecode" not in capfd.readouterr().err


@pytest.mark.parametrize("suffix", ["tif", "TIFF"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_tiff_is_read(data, tmp_path, caplog, suffix, kind):
    save_folder(data, tmp_path)
    image = np.full((16, 16, 3), (20, 100, 200), kind)
    bgr = image[..., ::-1] * (np.iinfo(kind).max // 255)
    file = tmp_path / "bee" / f"photo.{suffix}"
    file.write_bytes(cv2.imencode(".tif", bgr)[1])
    np.testing.assert_array_equal(read_image(file), image)
    assert len(load(tmp_path, SIZE)) == len(data) + 1
    assert not caplog.records


@pytest.mark.parametrize("suffix", ["png", "ppm", "tif"])
def test_images_of_a_12_bit_camera_are_named_once(data, tmp_path, caplog, suffix):
    save_folder(data, tmp_path)
    dim = tmp_path / "ant" / f"dim0.{suffix}"
    for index, value in enumerate((4095, 700, 4096, 0)):
        pixels = np.full((16, 16, 3), value, np.uint16)
        dim.with_stem(f"dim{index}").write_bytes(cv2.imencode(dim.suffix, pixels)[1])
    save_image(np.full((16, 16, 3), 10, np.uint8), dim.with_stem("dark"))
    assert len(load(tmp_path, SIZE)) == len(data) + 5
    (told,) = (record.getMessage() for record in caplog.records)
    number, way_out = told.split(", such as ")
    assert number == "nearly black: 2 images of 16 bits with no value above 4095 of 65535"
    assert way_out == f"{dim}; multiply the values of a 12-bit camera by 16"


def test_what_is_no_file_is_named(data, tmp_path, caplog):
    save_folder(data, tmp_path)
    (tmp_path / "ant" / "more.png").mkdir()
    (tmp_path / "bee" / "link.png").symlink_to(tmp_path / "nowhere.png")
    assert len(load(tmp_path, SIZE)) == len(data)
    named = [record.getMessage() for record in caplog.records]
    assert str(tmp_path / "bee" / "link.png") in named[0]
    assert named[1] == "skipped 1 of 10 files"


def test_images_beside_and_below_the_classes_are_counted(data, tmp_path, caplog):
    save_folder(data, tmp_path)
    for place in ("one.png", "ant/more/two.PNG", "ant/more/still/three.jpg", "bee/.old/four.png"):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image")
    assert len(load(tmp_path, SIZE)) == len(data)
    (told,) = (record.getMessage() for record in caplog.records)
    first = tmp_path / "one.png"
    assert told == f"left out 3 images that are not in CLASS/IMAGE layout, such as {first}"


@pytest.mark.parametrize(
    ("suffix", "kind"), [("png", np.uint8), ("png", np.uint16), ("webp", np.uint8)]
)
def test_what_is_transparent_is_black(tmp_path, suffix, kind):
    full = np.iinfo(kind).max
    pixels = np.full((16, 16, 4), full, kind)
    pixels[:8, :, 3], pixels[8:12, :, 3] = 0, full // 3
    file = tmp_path / f"image.{suffix}"
    file.write_bytes(cv2.imencode(file.suffix, pixels, [cv2.IMWRITE_WEBP_QUALITY, 101])[1])
    rows = read_image(file)[:, 0]
    assert (rows[:8] == 0).all()
    assert (rows[8:12] == 85).all()
    assert (rows[12:] == 255).all()


def test_a_mask_alone_and_a_palette_may_be_transparent(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((8, 8, 2), (200, 0), np.uint8), "LA").save(tmp_path / "grey.png")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 200, 200])
    palette.save(tmp_path / "palette.png", transparency=1)
    for name in ("grey.png", "palette.png"):
        assert (read_image(tmp_path / name) == 0).all(), name


@pytest.mark.skipif(not hasattr(cv2, "IMREAD_COLOR_RGB"), reason="OpenCV before 4.11 cannot")
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_what_is_transparent_is_turned_like_the_rest(tmp_path, suffix):
    from PIL import Image

    pixels = np.full((8, 16, 4), (200, 100, 50, 255), np.uint8)
    pixels[:, :4] = 0
    exif = Image.Exif()
    exif[0x112] = 6  # the orientation: to be turned by 90 degrees
    masked, opaque = tmp_path / f"masked.{suffix}", tmp_path / f"opaque.{suffix}"
    Image.fromarray(pixels).save(masked, exif=exif, lossless=True)
    Image.fromarray(pixels[..., :3]).save(opaque, exif=exif, lossless=True)
    np.testing.assert_array_equal(read_image(masked), read_image(opaque))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("ant", "ant"), "'ant' appears more than once"),
        (("ant", ""), "''"),
        (("ant", "b\n"), "printable"),
        (("ant", 201 * "b"), "1 to 200 printable"),
    ],
)
def test_class_names_that_no_model_file_takes(tmp_path, names, reason):
    _npz(tmp_path / "data.npz", classes=np.array(names))
    with pytest.raises(DataError, match=reason):
        load(tmp_path / "data.npz", SIZE)
