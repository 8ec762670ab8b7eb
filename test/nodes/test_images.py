"""Right pixels from every supported encoding, and a clear refusal of everything else."""

import os
import re
import struct
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.datasets.compressed_size import declared_size
from jcc_ros.datasets.ros_images import ENCODINGS, ImageError, compressed_to_rgb, to_rgb
from jcc_ros.networks.preprocess import Preprocess
from jcc_ros.nodes.images import rgb8_image

CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
CHANNELS |= {name.replace("8", "16"): channels for name, channels in CHANNELS.items()}
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
BAYER = {
    "bayer_rggb": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg": cv2.COLOR_BayerGB2RGB,
}
YUV422 = {
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "yuyv": cv2.COLOR_YUV2RGB_YUYV,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
}
YUV420 = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
SUPPORTED = {*CHANNELS, *(f"{name}{bits}" for name in BAYER for bits in (8, 16)), *YUV422, *YUV420}
# Of sensor_msgs: raw numbers whose colours the name does not say, and a plane layout that OpenCV
# does not convert.
NUMBERS = [
    f"{bits}C{n}" for bits in ("8U", "8S", "16U", "16S", "32S", "32F", "64F") for n in "1234"
]
REFUSED = [*NUMBERS, "nv24"]
SIZES = [(1, 1), (1, 7), (5, 1), (3, 5), (32, 32), (120, 161), (480, 640)]
LARGE = (4096, 4096)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def as_they_are(image: np.ndarray) -> np.ndarray:
    return image


def picture(rng: np.random.Generator, encoding: str, height: int, width: int) -> np.ndarray:
    return noise(rng, height, width, CHANNELS[encoding])


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)


def as_message(samples: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """Return samples uint8 [H, W, C] as a message, with so many bytes at the end of each row."""
    height, width, channels = samples.shape
    rows = np.full((height, width * channels + padding), 0xA5, np.uint8)
    rows[:, : width * channels] = samples.reshape(height, -1)
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        data=array("B", rows.tobytes()),
    )


def test_a_message_that_is_made_here_has_all_pixels(rng: np.random.Generator) -> None:
    pixels = picture(rng, "rgb8", 5, 7)
    assert rgb8_image(pixels) == as_message(pixels, "rgb8")


@pytest.mark.parametrize("padding", [0, 1, 3, 64])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("encoding", TO_RGB)
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
@pytest.mark.parametrize("encoding", TO_RGB)
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


def as_8_bits(samples: np.ndarray) -> np.ndarray:
    """What OpenCV, as cv_bridge calls it, makes of 16 bits."""
    return cv2.convertScaleAbs(samples, alpha=255 / 65535).reshape(samples.shape)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (480, 640)], ids=str)
@pytest.mark.parametrize("encoding", TO_RGB)
def test_16_bits_of_either_order_become_8(
    rng: np.random.Generator, encoding: str, size: tuple[int, int], padding: int, big_endian: bool
) -> None:
    samples = noise(rng, *size, 2 * CHANNELS[encoding]).view(">u2" if big_endian else "<u2")
    message = as_message(samples.view(np.uint8), encoding.replace("8", "16"), padding)
    message.width, message.is_bigendian = size[1], big_endian
    found = to_rgb(message, as_they_are)

    assert found.dtype == np.uint8
    eight = as_8_bits(samples.astype(np.uint16))
    np.testing.assert_array_equal(found, eight[..., RED_GREEN_BLUE[encoding]])
    if encoding == "mono8":
        np.testing.assert_array_equal(eight, np.round(samples / 257).astype(np.uint8))


@pytest.mark.parametrize("size", [(3, 3), (5, 8), (32, 32), (480, 641)], ids=str)
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("pattern", BAYER)
def test_bayer_is_opencvs(
    rng: np.random.Generator, pattern: str, size: tuple[int, int], padding: int
) -> None:
    mosaic = noise(rng, *size, 1)
    message = as_message(mosaic, f"{pattern}8", padding)
    expected = cv2.cvtColor(mosaic, BAYER[pattern])
    np.testing.assert_array_equal(to_rgb(message, as_they_are), expected)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("pattern", BAYER)
def test_bayer_of_16_bits_is_opencvs(
    rng: np.random.Generator, pattern: str, big_endian: bool
) -> None:
    mosaic = noise(rng, 48, 64, 2).view(">u2" if big_endian else "<u2")
    message = as_message(mosaic.view(np.uint8), f"{pattern}16", 2)
    message.width, message.is_bigendian = 64, big_endian
    expected = as_8_bits(cv2.cvtColor(mosaic.astype(np.uint16), BAYER[pattern]))
    np.testing.assert_array_equal(to_rgb(message, as_they_are), expected)


@pytest.mark.parametrize("pattern", BAYER)
def test_bayer_keeps_a_colour(pattern: str) -> None:
    colour = {"r": 250, "g": 120, "b": 10}
    values = np.array([colour[letter] for letter in pattern[-4:]], np.uint8).reshape(2, 2)
    message = as_message(np.tile(values, (8, 9))[..., None], f"{pattern}8")
    np.testing.assert_array_equal(
        to_rgb(message, as_they_are), np.full((16, 18, 3), (250, 120, 10), np.uint8)
    )


@pytest.mark.parametrize("size", [(1, 2), (5, 8), (32, 32), (480, 640)], ids=str)
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("encoding", YUV422)
def test_yuv_of_pairs_is_opencvs(
    rng: np.random.Generator, encoding: str, size: tuple[int, int], padding: int
) -> None:
    samples = noise(rng, *size, 2)
    message = as_message(samples, encoding, padding)
    expected = cv2.cvtColor(samples, YUV422[encoding])
    np.testing.assert_array_equal(to_rgb(message, as_they_are), expected)


@pytest.mark.parametrize("size", [(2, 2), (6, 8), (480, 640)], ids=str)
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("encoding", YUV420)
def test_yuv_of_two_planes_is_opencvs(
    rng: np.random.Generator, encoding: str, size: tuple[int, int], padding: int
) -> None:
    height, width = size
    samples = noise(rng, height * 3 // 2, width, 1)
    message = as_message(samples, encoding, padding)
    message.height = height
    expected = cv2.cvtColor(samples, YUV420[encoding])
    np.testing.assert_array_equal(to_rgb(message, as_they_are), expected)


@pytest.mark.parametrize("encoding", [*YUV422, *YUV420])
def test_yuv_keeps_a_colour(encoding: str) -> None:
    y, u, v = 81, 90, 240  # pure red, BT.601 with limited range
    pixels = {"uyvy": (u, y, v, y), "yuv422": (u, y, v, y)}.get(encoding, (y, u, y, v))
    samples = np.tile(np.array(pixels, np.uint8), (8, 4)).reshape(8, 8, 2)
    if encoding in YUV420:
        chroma = (u, v) if encoding == "nv12" else (v, u)
        samples = np.full((12, 8, 1), y, np.uint8)
        samples[8:, ::2], samples[8:, 1::2] = chroma
    message = as_message(samples, encoding)
    message.height = 8
    red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    np.testing.assert_allclose(to_rgb(message, as_they_are), red, atol=2)


@pytest.mark.parametrize("encoding", ["bgr8", "mono8", "bayer_gbrg8", "uyvy", "nv12"])
def test_the_largest_images(rng: np.random.Generator, encoding: str) -> None:
    height, width = LARGE
    shape = {"nv12": (height * 3 // 2, width, 1), "uyvy": (height, width, 2)}
    samples = noise(rng, *shape.get(encoding, (height, width, CHANNELS.get(encoding, 1))))
    message = as_message(samples, encoding, 3)
    message.height = height
    conversion = {**TO_RGB, **YUV422, **YUV420, "bayer_gbrg8": BAYER["bayer_gbrg"]}[encoding]
    np.testing.assert_array_equal(to_rgb(message, as_they_are), cv2.cvtColor(samples, conversion))


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "bayer_rggb16", "uyvy", "nv12", "mono16"])
def test_what_cannot_be_resized_first_is_resized_last(
    rng: np.random.Generator, encoding: str
) -> None:
    resize = Preprocess(height=32, width=32)
    rows = {"nv12": 72}.get(encoding, 48)
    channels = {"bayer_rggb8": 1, "nv12": 1}.get(encoding, 2)
    message = as_message(noise(rng, rows, 64, channels), encoding)
    message.height = 48
    np.testing.assert_allclose(to_rgb(message, resize), resize(to_rgb(message, as_they_are)))


@pytest.mark.parametrize(
    ("encoding", "size", "reason"),
    [
        ("bayer_rggb8", (2, 3), "3 x 2 pixels, but bayer_rggb8 needs at least 3 x 3"),
        ("bayer_grbg16", (1, 1), "1 x 1 pixels, but bayer_grbg16 needs at least 3 x 3"),
        ("yuyv", (4, 5), "5 x 4 pixels, but yuyv needs multiples of 2 x 1"),
        ("nv12", (3, 4), "4 x 3 pixels, but nv12 needs multiples of 2 x 2"),
        ("nv21", (4, 4), "16 bytes, but 6 rows of 4 bytes need 24"),
        ("uyvy", (4, 4), "step 4, but 4 pixels of uyvy need 8 bytes"),
        ("mono16", (4, 4), "step 4, but 4 pixels of mono16 need 8 bytes"),
        ("rgba16", (4, 4), "step 4, but 4 pixels of rgba16 need 32 bytes"),
    ],
)
def test_refuses_sizes_that_an_encoding_does_not_have(
    encoding: str, size: tuple[int, int], reason: str
) -> None:
    message = as_message(np.zeros((*size, 1), np.uint8), encoding)
    with pytest.raises(ImageError, match=reason):
        to_rgb(message, as_they_are)


def test_every_name_of_sensor_msgs_is_supported_or_refused_here() -> None:
    places = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    name = "include/sensor_msgs/sensor_msgs/image_encodings.hpp"
    headers = [Path(place) / name for place in places if (Path(place) / name).is_file()]
    if not headers:
        pytest.skip("sensor_msgs has no C++ headers here")
    names = set(re.findall(r'const char \w+\[\]\s*=\s*"(\w+)"', headers[0].read_text()))
    assert names == (SUPPORTED - {"nv12"}) | set(REFUSED)
    assert set(ENCODINGS) == SUPPORTED


@pytest.mark.parametrize("encoding", [*REFUSED, "", "RGB8", "rgb32", "mono", "i420", "ü"])
def test_refuses_other_encodings_by_name(rng: np.random.Generator, encoding: str) -> None:
    message = as_message(picture(rng, "rgb8", 4, 4), "rgb8")
    message.encoding = encoding
    with pytest.raises(ImageError, match="is not supported") as refusal:
        to_rgb(message, as_they_are)
    assert repr(encoding) in str(refusal.value)
    assert all(known in str(refusal.value) for known in SUPPORTED)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"height": 0}, "6 x 0 pixels"),
        ({"width": 0}, "0 x 4 pixels"),
        ({"height": 2**32 - 1, "width": 2**32 - 1}, "4294967295 x 4294967295 pixels"),
        ({"step": 17}, "step 17, but 6 pixels of rgb8 need 18 bytes"),
        ({"step": 0}, "step 0"),
        ({"width": 7}, "step 18, but 7 pixels of rgb8 need 21 bytes"),
        ({"step": 19}, "72 bytes, but 4 rows of 19 bytes need 76"),
        ({"height": 5}, "72 bytes, but 5 rows of 18 bytes need 90"),
        ({"height": 3}, "72 bytes, but 3 rows of 18 bytes need 54"),
        ({"data": array("B", bytes(71))}, "71 bytes"),
        ({"data": array("B")}, "0 bytes"),
        ({"encoding": "rgba8"}, "step 18, but 6 pixels of rgba8 need 24 bytes"),
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


def jpeg(*options: int) -> bytes:
    return cv2.imencode(".jpg", np.full((16, 16, 3), 90, np.uint8), options)[1].tobytes()


def png(width: int, height: int) -> bytes:
    """A file of 80 bytes that declares a size of its own."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"too little"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def enlarged_jpeg() -> bytes:
    """A JPEG of 16 x 16 pixels whose header says 65,535 x 65,535."""
    data = jpeg()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]


def enlarged_webp() -> bytes:
    """A WebP whose extended header says 16,384 x 16,384."""
    data = cv2.imencode(".webp", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    extended = b"VP8X" + struct.pack("<IB", 10, 0) + b"\0\0\0" + b"\xff\x3f\0" * 2
    return b"RIFF" + struct.pack("<I", len(data) + 10) + b"WEBP" + extended + data[12:]


def jpeg_of_many_scans() -> bytes:
    """A progressive JPEG whose last scan comes a thousand times, each a pass over all pixels."""
    data = jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + 1000 * last + data[-2:]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"\x00", "not a JPEG, PNG or WebP image"),
        (lambda: b"not an image", "not a JPEG"),
        (lambda: bytes(10_000), "not a JPEG"),
        (lambda: b"\xff\xd8\xff", "cut off"),
        (lambda: b"\xff\xd8\xff\xda" + jpeg(), "a scan without a frame"),
        (lambda: jpeg()[:20], "cut off|no JPEG marker"),
        (lambda: jpeg()[:-2], "the end of the JPEG is missing"),
        (lambda: b"\x89PNG\r\n\x1a\n", "the PNG has no header"),
        (lambda: png(8, 8)[:-8], "the end of the PNG is missing"),
        (lambda: png(8, 8), "not a readable image"),
        (lambda: b"RIFF\x10\0\0\0WEBPALPH" + bytes(100), "the WebP begins with"),
        (lambda: b"RIFF\x10\0\0\0WEBPVP8 " + bytes(100), "0 x 0 pixels"),
        (lambda: b"GIF89a" + bytes(100), "not a JPEG"),
        (lambda: cv2.imencode(".bmp", np.zeros((4, 4), np.uint8))[1].tobytes(), "not a JPEG"),
        (lambda: png(60_000, 60_000), "60000 x 60000 pixels"),
        (lambda: png(0, 8), "0 x 8 pixels"),
        (enlarged_jpeg, "65535 x 65535 pixels"),
        (enlarged_webp, "16384 x 16384 pixels"),
        (jpeg_of_many_scans, "more than 100 scans"),
    ],
)
def test_refuses_what_is_no_image_before_decoding(make: Callable[[], bytes], reason: str) -> None:
    message = CompressedImage(format="some format", data=array("B", make()))
    with pytest.raises(ImageError, match=reason) as refusal:
        compressed_to_rgb(message, as_they_are)
    assert "some format" in str(refusal.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("options", ["plain", "other"])
def test_the_declared_size_is_that_of_the_pixels(
    rng: np.random.Generator, suffix: str, options: str
) -> None:
    other = {
        ".jpg": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 9],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # lossless
    }
    for height, width in ((1, 1), (37, 53), (300, 1025)):
        pixels = noise(rng, height, width, 3)
        data = cv2.imencode(suffix, pixels, other[suffix] if options == "other" else [])[1]
        assert declared_size(data.tobytes()) == (width, height)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_file_cut_anywhere_is_refused(rng: np.random.Generator, suffix: str) -> None:
    data = cv2.imencode(suffix, noise(rng, 24, 24, 3))[1].tobytes()
    for size in range(1, len(data) - 1, 7):
        with pytest.raises(ImageError):
            compressed_to_rgb(CompressedImage(data=array("B", data[:size])), as_they_are)


def test_refuses_empty_data() -> None:
    with pytest.raises(ImageError, match="0 bytes of compressed data"):
        compressed_to_rgb(CompressedImage(format="jpeg"), as_they_are)
