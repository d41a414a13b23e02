"""What a test leaves changed in the process is seen at its end."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import process_state

CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "garbage collector": (lambda: gc.set_threshold(9, 9, 9), lambda: gc.set_threshold(*GC)),
    "environment": (lambda: os.environ.update(LEFT="1"), lambda: os.environ.pop("LEFT")),
    "working directory": (lambda: os.chdir("/"), lambda: os.chdir(HOME)),
    "signal handlers": (
        lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN),
        lambda: signal.signal(signal.SIGALRM, signal.SIG_DFL),
    ),
    "recursion limit": (
        lambda: sys.setrecursionlimit(LIMIT + 1),
        lambda: sys.setrecursionlimit(LIMIT),
    ),
    "socket timeout": (
        lambda: socket.setdefaulttimeout(9),
        lambda: socket.setdefaulttimeout(None),
    ),
    "tracemalloc": (tracemalloc.start, tracemalloc.stop),
}
GC, HOME, LIMIT = gc.get_threshold(), Path.cwd(), sys.getrecursionlimit()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_and_its_undoing(name: str) -> None:
    change, undo = CHANGES[name]
    before = process_state()
    change()
    try:
        after = process_state()
    finally:
        undo()
    assert [one for one, value in before.items() if after[one] != value] == [name]
    assert process_state() == before
