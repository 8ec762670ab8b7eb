"""What the campaigns share. `make torture` runs them in full, `make test` in a short form."""

import json
from collections.abc import Callable, Iterator

import pytest
from node_fixtures import few, fleet, probe, pytest_runtest_makereport, ros  # noqa: F401
from report import Amount, Row


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run campaigns in full length")


@pytest.fixture(scope="session")
def amount(request: pytest.FixtureRequest) -> Amount:
    """Choose between the amount of the short form and that of the full one."""
    full = request.config.getoption("full", False)
    return lambda short, long: long if full else short


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Iterator[Row]:
    """Put a row into the report; at the end fail if the limit of any was not kept.

    Args: what was done, how often, the result, the limit, whether it is kept.
    """
    broken = []

    def record(what: str, times: int, result: str, limit: str, kept: bool) -> None:
        found = {"what": what, "times": times, "result": result, "limit": limit}
        record_property("row", json.dumps({**found, "state": "kept" if kept else "broken"}))
        if not kept:
            broken.append(f"{what}: {result}; the limit is {limit}")

    yield record
    assert not broken, broken
