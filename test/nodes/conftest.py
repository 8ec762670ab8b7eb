"""Fixtures of the node tests."""

from node_fixtures import few, fleet, probe, pytest_runtest_makereport, ros  # noqa: F401
