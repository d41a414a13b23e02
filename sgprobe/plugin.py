"""The pytest plugin of the bench; the root conftest.py and `sgprobe run` load it by name."""

from __future__ import annotations

import sgprobe


def pytest_report_header() -> str:
    """Say which bench runs, so that a pasted log names its version."""
    return f"sgprobe {sgprobe.__version__}"
