"""What is installed with the package, and the environment that its nodes need."""

from pathlib import Path

import pytest

from jcc_ros.nodes.installed import node_environment

PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
TRIM = "MALLOC_TRIM_THRESHOLD_"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROFILES, TRIM):
        monkeypatch.delenv(name, raising=False)


def test_each_fast_dds_gets_its_own_file() -> None:
    found = node_environment()
    assert [Path(found[name]).name for name in PROFILES] == ["fastrtps.xml", "fastdds.xml"]
    assert all(Path(found[name]).is_file() for name in PROFILES)


def test_another_file_can_be_chosen_or_none() -> None:
    assert [node_environment("/own.xml")[name] for name in PROFILES] == ["/own.xml"] * 2
    assert not set(PROFILES) & node_environment("none").keys()


@pytest.mark.parametrize("name", PROFILES)
def test_what_the_environment_says_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "/theirs.xml")
    monkeypatch.setenv(TRIM, "1")
    assert not {*PROFILES, TRIM} & node_environment().keys()
    assert node_environment("/own.xml")[name] == "/own.xml"
