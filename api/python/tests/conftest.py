"""A host service of the tests' own, and guests for it.

$MAYFLY_BINARIES is a folder laid out as Bazel's output.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mayfly
import pytest

_PATIENCE_SECONDS = 10.0


@pytest.fixture(scope="session")
def binaries() -> Path:
    return Path(os.environ["MAYFLY_BINARIES"])


def _start(binaries: Path, path: Path) -> subprocess.Popen[bytes]:
    daemon = subprocess.Popen([binaries / "mayflyd", "--socket", path])
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not path.exists():
        assert daemon.poll() is None, "mayflyd ended early"
        assert time.monotonic() < deadline, "mayflyd does not listen"
        time.sleep(0.01)
    return daemon


@pytest.fixture
def socket(binaries: Path, tmp_path: Path) -> Iterator[str]:
    """Where a fresh mayflyd listens."""
    path = tmp_path / "host.sock"
    daemon = _start(binaries, path)
    yield str(path)
    daemon.terminate()
    assert daemon.wait(_PATIENCE_SECONDS) == 0


@pytest.fixture
def mortal(binaries: Path, tmp_path: Path) -> Iterator[tuple[mayfly.Host, Callable[[], None]]]:
    """A Host, and what kills its service."""
    path = tmp_path / "mortal.sock"
    daemon = _start(binaries, path)

    def end() -> None:
        daemon.kill()
        daemon.wait(_PATIENCE_SECONDS)

    with mayfly.Host(str(path)) as host:
        yield host, end
    end()


@pytest.fixture
def host(socket: str) -> Iterator[mayfly.Host]:
    with mayfly.Host(socket) as host:
        yield host


@pytest.fixture
def guests(binaries: Path) -> Path:
    return binaries / "tests" / "guests"
