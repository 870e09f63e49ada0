"""A host service of the tests' own, and guests for it.

$MAYFLY_BINARIES is a folder laid out as Bazel's output.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mayfly
import pytest

_PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="session")
def binaries() -> Path:
    return Path(os.environ["MAYFLY_BINARIES"])


@contextlib.contextmanager
def _running(binaries: Path, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A mayflyd that does not outlive this, whatever fails."""
    daemon = subprocess.Popen([binaries / "mayflyd", "--socket", path])
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not path.exists():
            assert daemon.poll() is None, "mayflyd ended early"
            assert time.monotonic() < deadline, "mayflyd does not listen"
            time.sleep(0.01)
        yield daemon
    finally:
        daemon.kill()
        daemon.wait()


@pytest.fixture
def socket(binaries: Path, tmp_path: Path) -> Iterator[str]:
    """Where a fresh mayflyd listens."""
    path = tmp_path / "host.sock"
    with _running(binaries, path) as daemon:
        yield str(path)
        daemon.terminate()
        assert daemon.wait(_PATIENCE_SECONDS) == 0


@pytest.fixture
def mortal(binaries: Path, tmp_path: Path) -> Iterator[tuple[mayfly.Host, Callable[[], None]]]:
    """A Host, and what kills its service."""
    path = tmp_path / "mortal.sock"
    with _running(binaries, path) as daemon:

        def end() -> None:
            daemon.kill()
            daemon.wait()

        with mayfly.Host(str(path)) as host:
            yield host, end


@pytest.fixture
def host(socket: str) -> Iterator[mayfly.Host]:
    with mayfly.Host(socket) as host:
        yield host


@pytest.fixture
def guests(binaries: Path) -> Path:
    return binaries / "tests" / "guests"
