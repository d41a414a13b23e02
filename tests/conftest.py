"""Profiles of property tests: `ci` (the default) is bounded, `long` tries 100 000 examples a test.

HYPOTHESIS_PROFILE=long python -m pytest tests/asn1/test_properties.py

No test may change the process for those that come after it, in whatever order: it fails itself.
"""

import gc
import locale
import os
import signal
import socket
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

# the same examples each time: a failure in CI is one that comes back
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=_CALM
)
settings.register_profile(
    "long", max_examples=100_000, deadline=None, suppress_health_check=_CALM, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# a signal that is ignored is so by who began the tests (nohup, a shell in the background); an event
# loop that has listened to it does not know that
_SIGNALS = tuple(
    one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    if signal.getsignal(one) is not signal.SIG_IGN
)  # fmt: skip
# set by pytest itself
_OF_PYTEST = "PYTEST_CURRENT_TEST"


def process_state() -> dict[str, object]:
    """Return what all tests of a process share outside of its modules."""
    return {
        "garbage collector": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "working directory": Path.cwd(),
        "environment": {key: text for key, text in os.environ.items() if key != _OF_PYTEST},
        "signal handlers": [signal.getsignal(one) for one in _SIGNALS],
        "locale": locale.setlocale(locale.LC_ALL),
        "recursion limit": sys.getrecursionlimit(),
        "socket timeout": socket.getdefaulttimeout(),
        "tracemalloc": tracemalloc.is_tracing(),
    }


@pytest.fixture(autouse=True)
def _the_process_is_left_as_it_was() -> Iterator[None]:
    before = process_state()
    yield
    after = process_state()
    changed = [name for name, value in before.items() if after[name] != value]
    assert not changed, f"the test leaves changed: {', '.join(changed)}"
