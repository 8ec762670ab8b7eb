"""The launch files declare what is documented, and start the nodes with what they were given.

No node runs: launch puts `true` before every command. What a command would have got is read from
its command line, its parameter files and its environment.
"""

import ast
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from jcc_ros.nodes.recording import (
    classifier_topics,
    encoder_topics,
    read_parameters,
    record_command,
)

ROOT = Path(__file__).resolve().parents[2]
NODES = {"robot": {"encoder"}, "host": {"classifier"}, "demo": {"camera", "encoder", "classifier"}}
ROBOT = {
    *("namespace", "params_file", "model", "topics", "image_transport", "bitrate"),
    *("autostart", "log_level", "fastdds_profile", "record", "record_images"),
}
ARGUMENTS = {
    "robot": ROBOT,
    "host": {
        "namespace",
        "params_file",
        "models",
        "topics",
        "shard",
        "autostart",
        "log_level",
        "record",
        "fastdds_profile",
    },
    "demo": {*ROBOT, "models", "shard", "source", "fps", "frames", "camera_params_file"},
}
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")

# Without it `launch` may still be found: the folder of these files.
needs_launch = pytest.mark.skipif(
    find_spec("launch_ros") is None, reason="launch_ros comes with a ROS 2, but not as a wheel"
)


@pytest.fixture(autouse=True)
def no_profile(monkeypatch):
    for name in PROFILES:
        monkeypatch.delenv(name, raising=False)


@dataclass
class Started:
    """One node as launch would have started it."""

    command: list[str]
    environment: dict[str, str]

    @property
    def namespace(self):
        return next(word[6:] for word in self.command if word.startswith("__ns:="))

    @property
    def parameters(self):
        """The values in force: of several files the last one wins."""
        values = {}
        for option, path in pairwise(self.command):
            if option == "--params-file":
                text = Path(path).read_text().replace("!!python/tuple", "")
                for section in yaml.safe_load(text).values():
                    values.update(section["ros__parameters"])
        return values

    @property
    def profiles(self):
        return [self.environment.get(name) for name in PROFILES]


def source(name):
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    return PythonLaunchDescriptionSource(str(ROOT / f"launch/{name}.launch.py"))


def included(name, arguments):
    from launch.actions import IncludeLaunchDescription

    return IncludeLaunchDescription(source(name), launch_arguments=arguments.items())


def ends(name, arguments):
    """Say whether a launch file fails."""
    from launch import LaunchService

    service = LaunchService(noninteractive=True)
    service.include_launch_description(included(name, arguments))
    return service.run() == 1


def start(name, **arguments):
    """Return what a launch file starts, by the name of the program."""
    from launch import LaunchDescription, LaunchService
    from launch.actions import RegisterEventHandler
    from launch.event_handlers import OnProcessStart

    started = {}

    def take(event, context):
        command = event.cmd[event.cmd.index("true") + 1 :]
        started[Path(command[0]).name] = Started(command, event.env)

    arguments = {"launch-prefix": "true", **arguments}
    service = LaunchService(noninteractive=True)
    service.include_launch_description(
        LaunchDescription(
            [
                RegisterEventHandler(OnProcessStart(on_start=take)),
                included(name, arguments),
            ]
        )
    )
    assert service.run() == 0
    return started


def defaults(node):
    return yaml.safe_load((ROOT / f"config/{node}.yaml").read_text())["/**"]["ros__parameters"]


@pytest.fixture
def ros2_bag(tmp_path, monkeypatch):
    """ros2 bag, as far as packages are looked up."""
    index = tmp_path / "ros2_bag/share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    for package in ("ros2bag", "rosbag2_storage_mcap"):
        (index / package).touch()
    prefixes = os.pathsep.join([str(tmp_path / "ros2_bag"), os.environ["AMENT_PREFIX_PATH"]])
    monkeypatch.setenv("AMENT_PREFIX_PATH", prefixes)


def recorded(command):
    """Return what a `ros2 bag record` matches of all names here, and its QoS overrides."""
    assert command[:3] == ["ros2", "bag", "record"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options.pop("--storage") == "mcap"
    assert options.pop("--output")
    overrides = yaml.safe_load(Path(options.pop("--qos-profile-overrides-path")).read_text())
    names = {
        f"{namespace}{topic}{kind}"
        for namespace in ("", "/robot1", "/robot1/encoder", "/x")
        for topic in ("/image_raw", "/front", "/rear/image_raw", "/encoder", "")
        for kind in ("", "/compressed", "/latent", "/labels", "/truth", "/status", "/own/status")
    }
    expression = options.pop("--regex")
    assert not options
    return {name for name in names if re.search(expression, name)}, overrides


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("/**: {ros__parameters: {bitrate: 1000, max_fps: 5.0, top_k: 2}}")
    return str(path)


def test_there_is_one_for_every_machine():
    assert {path.name for path in ROOT.glob("launch/*")} == {f"{name}.launch.py" for name in NODES}


@pytest.mark.parametrize("name", NODES)
def test_what_it_starts_is_built(name):
    tree = ast.parse((ROOT / f"launch/{name}.launch.py").read_text())
    (program,) = (
        keyword.value.value
        for keyword in ast.walk(tree)
        if isinstance(keyword, ast.keyword) and keyword.arg == "executable"
    )
    assert program in NODES[name]
    assert f"install_program({program} " in (ROOT / "CMakeLists.txt").read_text()


@needs_launch
@pytest.mark.parametrize("name", NODES)
def test_every_argument_is_described_and_has_a_default(name):
    from launch import LaunchContext

    declared = source(name).get_launch_description(LaunchContext()).get_launch_arguments()
    assert {argument.name for argument in declared} == ARGUMENTS[name]
    for argument in declared:
        assert argument.description != "no description given"
        assert (argument.default_value is None) == (argument.name == "source")


@needs_launch
@pytest.mark.parametrize("name", ["robot", "host"])
def test_without_arguments_the_parameter_file_decides(name):
    ((node, started),) = start(name).items()
    assert {node} == NODES[name]
    assert started.parameters == defaults(node)
    assert started.namespace == "/"


@needs_launch
def test_arguments_win_over_the_parameter_file(own_file):
    started = start(
        "robot",
        namespace="robot1",
        params_file=own_file,
        model="/models/own",
        topics="front,/rear/image_raw",
        image_transport="compressed",
        bitrate="2000.5",
        autostart="false",
        log_level="debug",
    )["encoder"]
    assert started.parameters == {
        "model": "/models/own",
        "image_topics": ["front", "/rear/image_raw"],
        "image_transport": "compressed",
        "bitrate": 2000.5,
        "autostart": False,
        "max_fps": 5.0,
        "top_k": 2,
    }
    assert started.namespace == "/robot1"
    assert "--log-level debug" in " ".join(started.command)


@needs_launch
def test_arguments_of_the_host_win_over_the_parameter_file(own_file):
    started = start(
        "host", params_file=own_file, models="digits,/models/own", topics="/a/latent,/robot*/latent"
    )["classifier"]
    assert started.parameters["models"] == ["digits", "/models/own"]
    assert started.parameters["latent_topics"] == ["/a/latent", "/robot*/latent"]
    assert started.parameters["top_k"] == 2


@needs_launch
@pytest.mark.parametrize("name", NODES)
def test_what_is_given_is_stronger_than_any_pattern_of_nodes(name, own_file):
    """ROS keeps values of several types for one name and pattern, and takes the wrong one."""
    source = {"source": "images"} if name == "demo" else {}
    for node, started in start(name, autostart="false", namespace="robot1", **source).items():
        if node != "camera":
            given = yaml.safe_load(
                re.sub("!!python/tuple", "", Path(started.command[-1]).read_text())
            )
            assert list(given) == [f"/robot1/{node}"]


@needs_launch
def test_demo_starts_all_three_with_their_own_parameter_files():
    started = start("demo", source="/images", model="digits", namespace="robot1", fps="5")
    assert set(started) == NODES["demo"]
    assert {node.namespace for node in started.values()} == {"/robot1"}
    expected = {
        "camera": {"source": "/images", "fps": 5},
        "encoder": {"model": "digits", "image_topics": ["image_raw"]},
        "classifier": {"models": ["digits"], "latent_topics": ["image_raw/latent"]},
    }
    for node, changed in expected.items():
        assert started[node].parameters == {**defaults(node), **changed}


@needs_launch
def test_demo_gives_one_parameter_file_to_both_ends(own_file):
    started = start("demo", source="/images", params_file=own_file)
    assert started["encoder"].parameters["max_fps"] == 5.0
    assert started["classifier"].parameters["top_k"] == 2
    assert started["camera"].parameters == {**defaults("camera"), "source": "/images"}


@needs_launch
def test_every_node_gets_the_settings_of_fast_dds():
    started = start("demo", source="/images")
    for node in ("camera", "encoder", "classifier"):
        names = [Path(path).name for path in started[node].profiles]
        assert names == ["fastrtps.xml", "fastdds.xml"]


@needs_launch
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_of_the_user_stays(name, monkeypatch):
    monkeypatch.setenv(name, "/own.xml")
    names = set(start("robot")["encoder"].profiles)
    assert names == {"/own.xml", None}


@needs_launch
def test_a_profile_is_chosen():
    started = start("demo", source="/images", fastdds_profile="/own.xml")
    assert {tuple(node.profiles) for node in started.values()} == {("/own.xml", "/own.xml")}


@needs_launch
def test_no_profile_on_demand():
    assert start("robot", fastdds_profile="none")["encoder"].profiles == [None, None]


LIKE = yaml.safe_load((ROOT / "config/record.yaml").read_text())


@needs_launch
def test_the_robot_records_what_its_encoder_takes_and_sends(ros2_bag):
    started = start("robot", namespace="robot1", topics="front,/rear/image_raw", record="run1")
    topics, overrides = recorded(started["ros2"].command)
    assert overrides == {
        "/robot1/front": LIKE["/image_raw"],
        "/robot1/front/latent": LIKE["/image_raw/latent"],
        "/robot1/front/truth": LIKE["/image_raw/truth"],
        "/rear/image_raw": LIKE["/image_raw"],
        "/rear/image_raw/latent": LIKE["/image_raw/latent"],
        "/rear/image_raw/truth": LIKE["/image_raw/truth"],
        "/robot1/encoder/status": LIKE["/encoder/status"],
    }
    assert topics == overrides.keys()


@needs_launch
def test_the_parameter_file_says_what_is_recorded_where_no_argument_does(ros2_bag, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(
        "/**: {ros__parameters: {image_topics: [never]}}\n"
        "/*/encoder: {ros__parameters: {image_topics: [front], image_transport: compressed}}\n"
        "/other: {ros__parameters: {image_topics: [never]}}\n"
    )
    started = start("robot", namespace="/robot1", params_file=str(file), record="run1")
    topics, overrides = recorded(started["ros2"].command)
    assert topics == overrides.keys()
    assert topics == {
        *("/robot1/front/compressed", "/robot1/front/latent", "/robot1/front/truth"),
        "/robot1/encoder/status",
    }


@needs_launch
def test_images_need_not_be_recorded(ros2_bag):
    started = start("robot", record="run1", record_images="false")
    topics, _ = recorded(started["ros2"].command)
    assert topics == {"/image_raw/latent", "/image_raw/truth", "/encoder/status"}


@needs_launch
def test_the_host_records_labels_of_the_robots_that_it_serves(ros2_bag):
    started = start("host", topics="/robot*/front/latent,/image_raw/latent", record="run1")
    topics, overrides = recorded(started["ros2"].command)
    # * stands for slashes as well, as in the classifier's parameter.
    several = {"/robot1/front/labels", "/robot1/encoder/front/labels"}
    assert topics == several | {"/image_raw/labels"}
    assert overrides == {"/image_raw/labels": LIKE["/image_raw/labels"]}
    topics, overrides = recorded(start("host", record="run1")["ros2"].command)
    assert topics == {name for name in topics if name.endswith("/labels")}
    assert {"/image_raw/labels", "/robot1/rear/image_raw/labels"} <= topics
    assert overrides == {}


@needs_launch
def test_the_demo_records_all_from_its_first_frame_on(ros2_bag):
    started = start("demo", source="/images", namespace="robot1", record="run1")
    topics, overrides = recorded(started["ros2"].command)
    assert topics == overrides.keys()
    assert topics == {
        *(f"/robot1/image_raw{kind}" for kind in ("", "/compressed", "/latent", "/labels")),
        *("/robot1/image_raw/truth", "/robot1/encoder/status"),
    }
    assert len(started) == 4
    assert started["camera"].parameters["subscribers"] == 2


@needs_launch
@pytest.mark.parametrize("name", NODES)
def test_nothing_is_recorded_unasked(name, ros2_bag):
    assert "ros2" not in start(name, source="/images")


@needs_launch
@pytest.mark.parametrize("name", NODES)
def test_a_parameter_file_that_is_not_there_ends_the_launch(name, caplog):
    assert ends(name, {"launch-prefix": "true", "source": "/", "params_file": "nowhere.yaml"})
    assert "params_file: nowhere.yaml is not a file" in caplog.text


@needs_launch
@pytest.mark.parametrize("name", NODES)
def test_a_recording_that_cannot_be_ends_the_launch(name, ros2_bag, tmp_path, caplog):
    (tmp_path / "run1").mkdir()
    assert ends(name, {"launch-prefix": "true", "source": "/", "record": str(tmp_path / "run1")})
    assert f"record: {tmp_path}/run1 already exists" in caplog.text


def test_a_recording_of_robot_and_host(ros2_bag):
    topics = encoder_topics("robot1", ["front"], compressed=True, images=True)
    topics |= classifier_topics("/base", ["/robot1/front/latent", "x/latent"])
    matched, overrides = recorded(record_command("run1", topics))
    assert overrides == {
        "/robot1/front/compressed": LIKE["/image_raw/compressed"],
        "/robot1/front/latent": LIKE["/image_raw/latent"],
        "/robot1/front/truth": LIKE["/image_raw/truth"],
        "/robot1/encoder/status": LIKE["/encoder/status"],
        "/robot1/front/labels": LIKE["/image_raw/labels"],
        "/base/x/labels": LIKE["/image_raw/labels"],
    }
    assert matched == overrides.keys() - {"/base/x/labels"}  # not among the names that are tried


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ("/encoder", 2),
        ("/robot1/encoder", 3),
        ("/robot2/encoder", 4),
        ("/a/b/encoder", 5),
        ("/other", 1),
    ],
)
def test_parameters_are_those_that_the_node_would_get(tmp_path, node, value):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("/**: {ros__parameters: {value: 0, kept: 7}}")
    second.write_text(
        "/**: {ros__parameters: {value: 1}}\n"
        "encoder: {ros__parameters: {value: 2}}\n"
        "/*/encoder: {ros__parameters: {value: 3}}\n"
        "robot2: {encoder: {ros__parameters: {value: 4}}}\n"
        "/a/**/encoder: {ros__parameters: {value: 5}}\n"
    )
    assert read_parameters(node, first, second) == {"value": value, "kept": 7}


def test_without_ros2_bag_the_packages_are_named(tmp_path):
    if find_spec("ros2bag"):
        pytest.skip("ros2 bag is installed here")
    with pytest.raises(RuntimeError, match=r"cannot find ros2bag .* ros-\$ROS_DISTRO-ros2bag ros-"):
        record_command(str(tmp_path / "run1"), {"/image_raw": "/image_raw"})
