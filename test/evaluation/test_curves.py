"""Curves, their differences against reference values, and the image codecs' baselines."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.evaluation.curves import (
    Curve,
    accuracy_at,
    affordable,
    bd_accuracy,
    bd_rate,
    bits_for,
    comparisons,
    draw,
    front,
    matched,
)
from jcc_ros.evaluation.image_codecs import jpeg_bits, measure_codec, webp_bits
from jcc_ros.evaluation.published import CIFAR10, CIFAR100, published_for


def curve(name: str, bits, accuracy, kind: str = "model") -> Curve:
    return Curve(name, kind, "", tuple(zip(bits, accuracy, strict=True)))


# The example of FAU-LMS/bjontegaard, x265 at two presets, in dB; here a dB is a point.
ANCHOR = curve("a", [1358.24, 2486.44, 4593.60, 9487.76], [0.34851, 0.36845, 0.38615, 0.40037])
TEST = curve("b", [1356.24, 2451.52, 4469.00, 9787.80], [0.34987, 0.36970, 0.38651, 0.40121])


def test_reference_values():
    """With PCHIP these agree with the common test conditions' spreadsheet (JVET-T2010)."""
    assert bd_rate(ANCHOR, TEST) == pytest.approx(-4.4175, abs=1e-4)
    assert bd_accuracy(ANCHOR, TEST) == pytest.approx(0.1197, abs=1e-4)


def test_published_formula():
    """VCEG-M33, integrated numerically: another way to the same."""
    curves = [np.array(c.points).T for c in (ANCHOR, TEST)]
    by_quality = [PchipInterpolator(100 * q, np.log10(bits)) for bits, q in curves]
    low, high = 34.987, 40.037
    gap = quad(lambda q: by_quality[1](q) - by_quality[0](q), low, high)[0] / (high - low)
    assert bd_rate(ANCHOR, TEST) == pytest.approx(100 * (10**gap - 1), rel=1e-6)
    by_bits = [PchipInterpolator(np.log10(bits), 100 * q) for bits, q in curves]
    low, high = np.log10(1358.24), np.log10(9487.76)
    gap = quad(lambda b: by_bits[1](b) - by_bits[0](b), low, high)[0] / (high - low)
    assert bd_accuracy(ANCHOR, TEST) == pytest.approx(gap, rel=1e-6)


def test_half_the_bits_are_minus_fifty_per_cent():
    bits, accuracy = np.array([40, 80, 160, 320]), [0.6, 0.7, 0.8, 0.85]
    assert bd_rate(curve("a", bits, accuracy), curve("b", bits / 2, accuracy)) == pytest.approx(-50)
    better = [a + 0.03 for a in accuracy]
    assert bd_accuracy(curve("a", bits, accuracy), curve("b", bits, better)) == pytest.approx(3)


def test_no_overlap_is_no_number():
    near, far = curve("a", [10, 20], [0.5, 0.6]), curve("b", [100, 200], [0.7, 0.8])
    assert bd_rate(near, far) is None
    assert bd_accuracy(near, far) is None
    assert bd_rate(near, curve("c", [10], [0.5])) is None


def test_points_that_cost_more_for_less_are_left_out():
    points = [(10, 0.5), (20, 0.7), (30, 0.6), (40, 0.7), (50, 0.8), (50, 0.9)]
    assert front(points) == [(10, 0.5), (20, 0.7), (50, 0.9)]


def test_models_are_compared_with_everything_else():
    jpeg = curve("JPEG", [1000, 9000], [0.3, 0.5], "codec")
    paper = curve("paper", [1000, 9000], [0.3, 0.5], "published")
    pairs = [(row["test"], row["anchor"]) for row in comparisons([ANCHOR, TEST, jpeg, paper])]
    others = {"a": ("b", "JPEG", "paper"), "b": ("a", "JPEG", "paper")}
    assert pairs == [(model, other) for model in others for other in others[model]]


def test_matched_bits():
    model = curve("m", [50, 200, 800], [0.8, 0.9, 0.95])
    jpeg = curve("JPEG", [100, 400], [0.5, 0.7], "codec")
    found = [row["baseline_accuracy"] for row in matched(model, jpeg)]
    assert found == [None, pytest.approx(0.6), None]


def test_what_a_budget_buys():
    model = curve("m", [50, 200, 800], [0.8, 0.95, 0.9])
    assert affordable(model, 49.9) is None
    assert affordable(model, 200) == (200, 0.95)
    assert affordable(model, 9000) == (800, 0.9)  # not the best: the one that was paid for


def test_what_an_accuracy_costs():
    jpeg = curve("JPEG", [100, 400, 900], [0.5, 0.7, 0.6], "codec")
    assert bits_for(jpeg, 0.49) is None
    assert bits_for(jpeg, 0.5) == pytest.approx(100)
    assert bits_for(jpeg, 0.6) == pytest.approx(200)
    assert bits_for(jpeg, 0.71) == np.inf


def test_what_bits_buy():
    jpeg = curve("JPEG", [100, 400, 900], [0.5, 0.7, 0.6], "codec")
    assert accuracy_at(jpeg, 99) is None
    assert accuracy_at(jpeg, 100) == pytest.approx(0.5)
    assert accuracy_at(jpeg, 200) == pytest.approx(0.6)
    assert accuracy_at(jpeg, 5000) == pytest.approx(0.6)


def test_picture_is_the_same_every_day_and_names_seeds_once(tmp_path, monkeypatch):
    label = curve("on the robot", [4], [0.6], "label")
    for day in ("0", "86400"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
        draw([ANCHOR, ANCHOR, TEST, label], "title", tmp_path / f"{day}.svg")
    pictures = [(tmp_path / f"{day}.svg").read_text() for day in ("0", "86400")]
    assert pictures[0] == pictures[1]
    assert [pictures[0].count(f">{name}</text>") for name in ("a", "b", "on the robot")] == [1] * 3


def test_a_narrow_axis_has_plain_numbers(tmp_path):
    draw([curve("a", [12, 30, 70], [0.5, 0.6, 0.7])], "title", tmp_path / "narrow.svg")
    picture = (tmp_path / "narrow.svg").read_text()
    assert "mathdefault" not in picture  # what matplotlib makes of 2 x 10^1
    assert ">20</text>" in picture


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    from jcc_ros.evaluation.synthetic import camera_frame

    return cv2.resize(camera_frame(), (64, 64), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("quality", [1, 30, 90])
def test_headers_that_never_change_are_not_counted(picture, quality):
    file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    scan = file[file.index(b"\xff\xda") + 2 :]
    scan = scan[int.from_bytes(scan[:2], "big") : -2]
    assert jpeg_bits(file) == 8 * len(scan) < 8 * len(file) - 4000
    file = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
    assert file[12:16] == b"VP8 "
    assert file[23:26] == b"\x9d\x01\x2a"  # the frame header's start code
    assert webp_bits(file) == 8 * (len(file) - 30)


@pytest.mark.parametrize("name", ["JPEG", "WebP"])
def test_codec_baseline(tiny_halves, seen, name):
    with ThreadPoolExecutor(2) as pool:
        low, high = measure_codec(name, *tiny_halves, seen, pool, qualities=(1, 95))
    assert low.bits < high.bits < high.file_bits
    encoder, classifier = tiny_halves
    latents = np.stack([encoder.latent(image) for image in seen.images])
    whole = float((classifier.network(latents).argmax(axis=1) == seen.labels).mean())
    assert high.accuracy == pytest.approx(whole, abs=0.06)  # hardly lossy


def test_published_points_belong_to_their_data_set():
    def data(classes) -> LabelledImages:
        return LabelledImages(np.zeros((1, 8, 8, 3), np.uint8), np.array([0]), tuple(classes))

    ten = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    assert published_for(data(ten)) == CIFAR10
    assert published_for(data(map(str, range(10)))) == ()
    for known in (*CIFAR10, *CIFAR100):
        assert "doi:" in known.source
        assert list(known.points) == sorted(known.points)
        assert all(0 < accuracy < 1 for _, accuracy in known.points)


def test_points_without_bits_are_left_out():
    empty = curve("a", [0, 40, 80, 160, 320], [0.1, 0.6, 0.7, 0.8, 0.85])
    other = curve("b", [0, 20, 40, 80, 160], [0.1, 0.6, 0.7, 0.8, 0.85], kind="codec")
    assert bd_rate(empty, other) == pytest.approx(-50)
    assert [point["bits"] for point in matched(empty, other)] == [40, 80, 160, 320]
    assert accuracy_at(other, 10) is None
    assert bits_for(other, 0.6) == pytest.approx(20)
