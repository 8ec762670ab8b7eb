"""Commands run as a user runs them: words in, exit status and text out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from jcc_ros.commands import cli
from jcc_ros.datasets.digits import digits
from jcc_ros.datasets.files import save_npz


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Jcc = Callable[..., Outcome]


@pytest.fixture
def jcc(
    capsys: pytest.CaptureFixture[str], one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> Jcc:
    """Run `jcc` with the given words."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which --threads replaces, for this test alone

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as usage:
            status = int(usage.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture
def refused(jcc: Jcc) -> Callable[..., str]:
    """Run `jcc`, expect that it refuses with one line on stderr, and return that."""

    def run(*words: object) -> str:
        outcome = jcc(*words)
        assert outcome.status == 1, outcome
        assert len(outcome.err.splitlines()) == 1, outcome.err
        assert outcome.err.startswith(f"jcc {words[0]}: ")
        return outcome.err

    return run


@pytest.fixture
def config(tmp_path: Path, tiny_config: dict) -> Callable[..., Path]:
    """Write the tiny configuration, with sections or values replaced."""

    def write(**changes: object) -> Path:
        file = tmp_path / "tiny.yaml"
        file.write_text(yaml.safe_dump({**tiny_config, **changes}))
        return file

    return write


@pytest.fixture(scope="session")
def digits_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 held-out digits."""
    file = tmp_path_factory.mktemp("digits") / "test.npz"
    save_npz(digits("test").sample(100, seed=0), file)
    return file
