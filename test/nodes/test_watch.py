"""Waiting for what a node sees, and the domain that a command has to itself."""

import os
import time

import pytest

from jcc_ros.nodes.watch import own_domain, until


def test_what_is_reached_ends_the_wait() -> None:
    served: list[float] = []
    assert until(served.append, lambda: len(served) == 3, limit=60)
    assert until(served.append, lambda: True, limit=0)
    assert len(served) == 3


def test_nothing_is_waited_for_beyond_the_limit() -> None:
    started = time.monotonic()
    assert not until(time.sleep, lambda: False, limit=0.1)
    assert time.monotonic() - started >= 0.1


def test_nothing_is_waited_for_that_cannot_come_any_more() -> None:
    served: list[float] = []
    assert not until(served.append, lambda: False, limit=60, ended=lambda: len(served) == 2)
    assert until(served.append, lambda: True, limit=60, ended=lambda: True)
    assert len(served) == 2


@pytest.mark.parametrize("given", [None, ""])
def test_a_command_has_a_domain_of_its_own(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "")  # restored at the end, whatever is there now
    if given is None:
        del os.environ["ROS_DOMAIN_ID"]
    domain = own_domain()
    assert 1 <= domain <= 100
    assert os.environ["ROS_DOMAIN_ID"] == str(domain)
    assert own_domain() == domain


def test_a_domain_that_is_given_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")
    assert own_domain() == 0
    assert os.environ["ROS_DOMAIN_ID"] == "0"
