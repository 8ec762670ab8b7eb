"""What `jcc link` and `jcc congestion` refuse before they start anything."""

import pytest


@pytest.mark.parametrize(
    "words",
    [
        ["link", "--frames-per-message", "33"],
        ["link", "--max-delay", "31"],
        ["link", "--targets", "8000", "2e9"],
        ["congestion", "--target", "2e9"],
    ],
)
def test_what_no_encoder_would_take(jcc, words):
    outcome = jcc(*words)
    assert outcome.status == 2
    assert f"argument {words[1]}" in outcome.err
