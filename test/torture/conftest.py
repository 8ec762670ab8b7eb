"""What the campaigns share. `make torture` runs them in full, `make test` in a short form."""

import json
from collections.abc import Callable

import pytest
from node_fixtures import few, fleet, probe, ros  # noqa: F401
from report import Amount, Row


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run campaigns in full length")


@pytest.fixture(scope="session")
def amount(request: pytest.FixtureRequest) -> Amount:
    """Choose between the amount of the short form and that of the full one."""
    full = request.config.getoption("full", False)
    return lambda short, long: long if full else short


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Row:
    """Put a row into the report, and fail if its limit is not kept.

    Args: what was done, how often, the result, the limit, whether it is kept.
    """

    def record(what: str, times: int, result: str, limit: str, kept: bool) -> None:
        record_property(
            "row", json.dumps({"what": what, "times": times, "result": result, "limit": limit})
        )
        assert kept, f"{what}: {result}; the limit is {limit}"

    return record
