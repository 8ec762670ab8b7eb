"""Right pixels from every supported encoding, and a clear refusal of everything else."""

from array import array
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.datasets.ros_images import ImageError, compressed_to_rgb, to_rgb
from jcc_ros.networks.preprocess import Preprocess

ENCODINGS = ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"]
CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
TO_RGB = {
    "rgb8": None,
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
}
RED_GREEN_BLUE = {
    "rgb8": [0, 1, 2],
    "bgr8": [2, 1, 0],
    "rgba8": [0, 1, 2],
    "bgra8": [2, 1, 0],
    "mono8": [0, 0, 0],
}
SIZES = [(1, 1), (1, 7), (5, 1), (3, 5), (32, 32), (120, 161), (480, 640)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def as_they_are(image: np.ndarray) -> np.ndarray:
    return image


def picture(rng: np.random.Generator, encoding: str, height: int, width: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, CHANNELS[encoding]), np.uint8)


def as_message(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    height, width, channels = pixels.shape
    rows = np.full((height, width * channels + padding), 0xA5, np.uint8)
    rows[:, : width * channels] = pixels.reshape(height, -1)
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        data=array("B", rows.tobytes()),
    )


@pytest.mark.parametrize("padding", [0, 1, 3, 64])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pixels_equal_opencvs_and_a_plain_selection(
    rng: np.random.Generator, encoding: str, size: tuple[int, int], padding: int
) -> None:
    pixels = picture(rng, encoding, *size)
    found = to_rgb(as_message(pixels, encoding, padding), as_they_are)

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels[..., RED_GREEN_BLUE[encoding]])
    conversion = TO_RGB[encoding]
    if conversion is not None:
        np.testing.assert_array_equal(found, cv2.cvtColor(pixels, conversion))


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("size", [(17, 23), (32, 32), (32, 45), (480, 640)], ids=str)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_conversion_after_resizing_equals_resizing_after_conversion(
    rng: np.random.Generator, encoding: str, size: tuple[int, int], padding: int, fit: str
) -> None:
    resize = Preprocess(height=32, width=32, fit=fit)
    pixels = picture(rng, encoding, *size)
    found = to_rgb(as_message(pixels, encoding, padding), resize)
    converted = np.ascontiguousarray(pixels[..., RED_GREEN_BLUE[encoding]])
    np.testing.assert_array_equal(found, resize(converted))


def test_the_message_stays_as_it_is(rng: np.random.Generator) -> None:
    message = as_message(picture(rng, "bgr8", 8, 9), "bgr8", 2)
    before = bytes(message.data)
    to_rgb(message, as_they_are)[:] = 0
    assert bytes(message.data) == before


@pytest.mark.parametrize(
    "encoding",
    ["", "RGB8", "rgb16", "mono16", "16UC1", "8UC3", "32FC1", "bayer_rggb8", "yuv422", "nv12", "ü"],
)
def test_refuses_other_encodings_by_name(rng: np.random.Generator, encoding: str) -> None:
    message = as_message(picture(rng, "rgb8", 4, 4), "rgb8")
    message.encoding = encoding
    with pytest.raises(ImageError, match="is not supported") as refusal:
        to_rgb(message, as_they_are)
    assert repr(encoding) in str(refusal.value)
    assert all(known in str(refusal.value) for known in ENCODINGS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"height": 0}, "6 x 0 pixels"),
        ({"width": 0}, "0 x 4 pixels"),
        ({"height": 2**32 - 1, "width": 2**32 - 1}, "4294967295 x 4294967295 pixels"),
        ({"step": 17}, "step 17, 6 pixels of rgb8 need 18"),
        ({"step": 0}, "step 0"),
        ({"width": 7}, "step 18, 7 pixels of rgb8 need 21"),
        ({"step": 19}, "72 bytes, 4 rows of 19 need 76"),
        ({"height": 5}, "72 bytes, 5 rows of 18 need 90"),
        ({"height": 3}, "72 bytes, 3 rows of 18 need 54"),
        ({"data": array("B", bytes(71))}, "71 bytes"),
        ({"data": array("B")}, "0 bytes"),
        ({"encoding": "rgba8"}, "step 18, 6 pixels of rgba8 need 24"),
    ],
    ids=str,
)
def test_refuses_sizes_that_contradict_each_other(
    rng: np.random.Generator, change: dict[str, object], reason: str
) -> None:
    message = as_message(picture(rng, "rgb8", 4, 6), "rgb8")
    for field, value in change.items():
        setattr(message, field, value)
    with pytest.raises(ImageError, match=reason):
        to_rgb(message, as_they_are)


def encoded(suffix: str, pixels: np.ndarray) -> CompressedImage:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(suffix, bgr, [])[1]
    return CompressedImage(format=suffix, data=array("B", data.tobytes()))


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (37, 53), (480, 640)], ids=str)
def test_png_gives_the_very_pixels(rng: np.random.Generator, size: tuple[int, int]) -> None:
    pixels = picture(rng, "rgb8", *size)
    np.testing.assert_array_equal(compressed_to_rgb(encoded(".png", pixels), as_they_are), pixels)


def test_resizing_comes_before_the_exchange_of_colours(rng: np.random.Generator) -> None:
    resize = Preprocess(height=32, width=32)
    pixels = picture(rng, "rgb8", 100, 150)
    np.testing.assert_array_equal(
        compressed_to_rgb(encoded(".png", pixels), resize), resize(pixels)
    )


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_images_keep_their_colours(suffix: str) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32] = (250, 20, 60)
    pixels[:, 32:] = (10, 40, 240)
    found = compressed_to_rgb(encoded(suffix, pixels), as_they_are)
    # Away from the edge, where both formats ring.
    np.testing.assert_allclose(found[:, 8:24], pixels[:, 8:24], atol=6)
    np.testing.assert_allclose(found[:, 40:56], pixels[:, 40:56], atol=6)


def test_grey_and_transparent_pngs_become_rgb(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (6, 7), np.uint8)
    data = cv2.imencode(".png", grey)[1]
    message = CompressedImage(format="mono8; png", data=array("B", data.tobytes()))
    expected = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(compressed_to_rgb(message, as_they_are), expected)

    bgra = rng.integers(0, 256, (6, 7, 4), np.uint8)
    data = cv2.imencode(".png", bgra)[1]
    message = CompressedImage(format="bgra8; png", data=array("B", data.tobytes()))
    np.testing.assert_array_equal(
        compressed_to_rgb(message, as_they_are), bgra[..., RED_GREEN_BLUE["bgra8"]]
    )


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.full((16, 16, 3), 90, np.uint8))[1].tobytes()


def huge_png() -> bytes:
    """A small file that declares 60,000 x 60,000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"\x00",
        lambda: b"not an image",
        lambda: bytes(10_000),
        lambda: b"\xff\xd8\xff",
        lambda: jpeg()[:20],
        lambda: b"\x89PNG\r\n\x1a\n",
        huge_png,
    ],
    ids=["zero", "text", "zeros", "jpeg start", "cut jpeg", "png start", "huge png"],
)
def test_refuses_what_is_no_image(make: Callable[[], bytes]) -> None:
    message = CompressedImage(format="some format", data=array("B", make()))
    with pytest.raises(ImageError, match="some format"):
        compressed_to_rgb(message, as_they_are)


def test_refuses_empty_data() -> None:
    with pytest.raises(ImageError, match="0 bytes of compressed data"):
        compressed_to_rgb(CompressedImage(format="jpeg"), as_they_are)
