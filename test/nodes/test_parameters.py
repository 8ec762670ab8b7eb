"""What `ros2 param set` and parameter files may ask for, through the services of running nodes."""

import math

import onnxruntime
import pytest
from harness import DIGITS, Fleet, Probe
from rclpy.parameter import Parameter

ENCODER = "/tuned/encoder"
CLASSIFIER = "/tuned/classifier"
CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
AT_START = {
    "model": str(DIGITS),
    "image_topics": ["image_raw"],
    "image_transport": "raw",
    "device": "cpu",
    "autostart": True,
    "bitrate": 16000.0,
    "max_fps": 12.5,
    "frames_per_message": 2,
    "max_delay": 0.25,
}


@pytest.fixture(scope="module", autouse=True)
def nodes(fleet: Fleet, probe: Probe) -> None:
    fleet.start("encoder", "/tuned", **AT_START)
    fleet.start("classifier", "/tuned", models=[str(DIGITS)])


def test_values_given_at_start_are_in_force(probe: Probe) -> None:
    assert probe.get(ENCODER, *AT_START) == list(AT_START.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bitrate", 0.0),
        ("bitrate", 1e9),
        ("bitrate", 8000),  # a whole number, as `ros2 param set /encoder bitrate 8000` sends it
        ("max_fps", 1000.0),
        ("max_fps", 30),
        ("max_fps", 0),
        ("frames_per_message", 1),
        ("frames_per_message", 32),
        ("max_delay", 0),
        ("max_delay", 30.0),
    ],
)
def test_accepts(probe: Probe, name: str, value: float) -> None:
    answer = probe.set(ENCODER, **{name: value})
    assert answer.successful, answer.reason
    assert probe.get(ENCODER, name) == [value]


REFUSED = [
    ("bitrate", math.nan, "0 to 1e+09"),
    ("bitrate", math.inf, "0 to 1e+09"),
    ("bitrate", -math.inf, "0 to 1e+09"),
    ("bitrate", -1.0, "0 to 1e+09"),
    ("bitrate", -1, "0 to 1e+09"),
    ("bitrate", 1e300, "0 to 1e+09"),
    ("bitrate", 2**63 - 1, "0 to 1e+09"),
    ("bitrate", "16000", "number"),
    ("bitrate", True, "number"),
    ("bitrate", [16000.0], "number"),
    ("bitrate", [b"\x01"], "number"),
    ("max_fps", math.nan, "0 to 1000"),
    ("max_fps", -0.1, "0 to 1000"),
    ("max_fps", 1000.5, "0 to 1000"),
    ("max_fps", "", "number"),
    ("frames_per_message", 0, "1 to 32"),
    ("frames_per_message", -4, "1 to 32"),
    ("frames_per_message", 33, "1 to 32"),
    ("frames_per_message", 2**63 - 1, "1 to 32"),
    ("frames_per_message", 2.0, "integer"),
    ("frames_per_message", "ü", "integer"),
    ("frames_per_message", True, "integer"),
    ("max_delay", -1e-9, "0 to 30"),
    ("max_delay", math.inf, "0 to 30"),
    ("max_delay", 1e6, "0 to 30"),
    ("max_delay", False, "number"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), REFUSED, ids=str)
def test_refuses(probe: Probe, name: str, value: object, allowed: str) -> None:
    (before,) = probe.get(ENCODER, name)
    answer = probe.set(ENCODER, **{name: value})
    assert not answer.successful
    assert name in answer.reason
    assert allowed in answer.reason
    assert probe.get(ENCODER, name) == [before]


@pytest.mark.parametrize("pattern", ["robot*/latent", "{node}/*/latent"])
def test_a_pattern_that_no_topic_can_match_is_refused_at_start(fleet: Fleet, pattern: str) -> None:
    process = fleet.start("classifier", "/never", models=[str(DIGITS)], latent_topics=[pattern])
    assert process.wait() == 1
    assert "a pattern begins with / or *" in process.output()


def test_a_value_in_place_of_a_list_is_refused_with_the_way_to_write_it(probe: Probe) -> None:
    answer = probe.set(ENCODER, image_topics="/a")
    assert not answer.successful
    assert answer.reason.endswith("; write image_topics:=[/a]")
    answer = probe.set(ENCODER, image_topics=Parameter("image_topics", Parameter.Type.NOT_SET))
    assert "write" not in answer.reason


@pytest.mark.parametrize("name", ["bitrate", "frames_per_message", "max_delay"])
def test_refuses_to_unset(probe: Probe, name: str) -> None:
    (before,) = probe.get(ENCODER, name)
    answer = probe.set(ENCODER, **{name: Parameter(name, Parameter.Type.NOT_SET)})
    assert not answer.successful
    assert name in answer.reason
    assert probe.get(ENCODER, name) == [before]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "cifar10"),
        ("image_transport", "compressed"),
        ("device", "cuda"),
        ("autostart", False),
    ],
)
def test_what_is_read_once_stays(probe: Probe, name: str, value: object) -> None:
    answer = probe.set(ENCODER, **{name: value})
    assert not answer.successful
    assert name in answer.reason
    assert "read-only" in answer.reason
    assert probe.get(ENCODER, name) == [AT_START[name]]


def test_one_bad_value_refuses_all_that_came_with_it(probe: Probe) -> None:
    before = probe.get(ENCODER, "bitrate", "max_fps")
    answer = probe.set(ENCODER, bitrate=5000.0, max_fps=-1.0)
    assert not answer.successful
    assert "max_fps" in answer.reason
    assert probe.get(ENCODER, "bitrate", "max_fps") == before


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("top_k", 0, "1 to 1000"),
        ("top_k", 1001, "1 to 1000"),
        ("top_k", 1.5, "integer"),
        ("max_batch", 0, "1 to 4096"),
        ("max_batch", -1, "1 to 4096"),
        ("max_batch_delay", 1.1, "0 to 1"),
        ("max_batch_delay", math.nan, "0 to 1"),
    ],
)
def test_the_classifier_refuses(probe: Probe, name: str, value: object, allowed: str) -> None:
    (before,) = probe.get(CLASSIFIER, name)
    answer = probe.set(CLASSIFIER, **{name: value})
    assert not answer.successful
    assert name in answer.reason
    assert allowed in answer.reason
    assert probe.get(CLASSIFIER, name) == [before]


@pytest.mark.parametrize(("name", "value"), [("top_k", 1), ("max_batch_delay", 1)])
def test_the_classifier_accepts(probe: Probe, name: str, value: object) -> None:
    assert probe.set(CLASSIFIER, **{name: value}).successful
    assert probe.get(CLASSIFIER, name) == [value]


def test_bad_values_at_start_end_the_node_with_a_reason(fleet: Fleet) -> None:
    # All at once: most of the time goes into importing.
    started = [
        (fleet.start(node, "/wrong", **{name: value}), name, allowed)
        for node, name, value, allowed in [
            ("encoder", "bitrate", math.nan, "0 to 1e+09"),
            ("encoder", "frames_per_message", 0, "1 to 32"),
            ("encoder", "image_transport", "theora", "raw or compressed"),
            ("encoder", "device", "abacus", "cpu or cuda"),
            *([] if CUDA else [("encoder", "device", "cuda", "install onnxruntime-gpu")]),
            ("classifier", "top_k", "three", "1 to 1000"),
            ("classifier", "models", "digits", "write models:=[digits]"),
            ("camera", "fps", 0.0, "fps"),
        ]
    ]
    for process, name, allowed in started:
        assert process.wait() == 1, process.output()
        # DDS may add a line of its own where several processes start at once.
        said = process.output()
        assert "Traceback" not in said
        lines = [line for line in said.splitlines() if "FATAL" in line]
        assert len(lines) == 1, said
        (line,) = lines
        assert name in line
        assert allowed in line
