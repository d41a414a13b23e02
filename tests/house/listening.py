"""Waits for servers that a script has begun: `python listening.py PID...`.

A document tells a person to wait three seconds; a machine that is busy may need more.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# of /proc/net/tcp: a server listens, a card in a reader of another program is connected to it
_CONNECTED, _LISTENS = "01", "0A"


def _open_sockets() -> Iterator[str]:
    """Give the inodes of TCP sockets that listen or are connected."""
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] in (_CONNECTED, _LISTENS):
                yield fields[9]


def is_ready(process: int) -> bool:
    """Say whether a process has such a socket, or is over."""
    folder = Path(f"/proc/{process}")
    try:
        if (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        own = {os.readlink(one) for one in (folder / "fd").iterdir()}
    except PermissionError:
        # nobody can say when it is ready
        return True
    except OSError:
        return not folder.exists() or is_ready(process)
    return not own.isdisjoint(f"socket:[{inode}]" for inode in _open_sockets())


def wait_for(*processes: int, seconds: float = 120.0) -> bool:
    """Wait until all are ready, and say whether they are; where there is no /proc, do not wait."""
    until = time.monotonic() + seconds
    while Path("/proc/net").exists() and not all(map(is_ready, processes)):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    sys.exit(0 if wait_for(*map(int, sys.argv[1:])) else 1)
