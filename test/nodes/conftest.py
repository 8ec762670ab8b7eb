"""Fixtures of the node tests."""

from node_fixtures import few, fleet, probe, ros  # noqa: F401
