"""Programs that a test begins end with it, also where the test process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def begun(command: Sequence[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program; at the end kill it, and all that it has begun, if it still runs."""
    process = subprocess.Popen(command, text=True, start_new_session=True, **how)
    # reads until we close our end, or die, by whatever signal
    guard = subprocess.Popen(["sh", "-c", f"read _; kill -KILL -{process.pid}"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    try:
        yield process
    finally:
        # the group is our own: it began with this process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        guard.kill()
        guard.wait()
        for stream in (guard.stdin, process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
