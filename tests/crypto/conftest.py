"""The stored test PKI, a moment within its time, and the openssl command as an oracle."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir

OpenSsl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def pki() -> TestPki:
    return TestPki.load()


@pytest.fixture(scope="session")
def openssl() -> OpenSsl:
    """Run `openssl` in the folder of the stored PKI."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl command")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        folder = data_dir("vectors") / "pki"
        return subprocess.run(
            [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )

    return run
