"""No network: from here on this process can open no network socket, and has none.

Two locks, of which the second needs Linux: Python's own audit hook refuses sockets by name, and a
seccomp filter lets the kernel refuse them, whatever library asks. Local sockets (AF_UNIX) stay:
they lead nowhere, and card readers are behind one.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_AF_UNIX = 1
_EACCES = 13
# seccomp(2): bpf(2) instructions and return values
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
# struct seccomp_data: number, architecture, instruction pointer, arguments
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
# AUDIT_ARCH and the number of socket(2)
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_ASKING = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
           "socket.sendto", "socket.sendmsg")  # fmt: skip

_state = {"hooked": False, "closed": False}
# what is watched, by the thread that it runs in
_watched: dict[int, Watch] = {}


class Online(OSError):
    """Something asked for the network while there is none."""


@dataclass(slots=True)
class Watch:
    """What asked for the network while it was watched, and how often the watch proved that it sees.

    A watch sees what asks through the interpreter; a product of another process it does not.
    """

    attempts: list[str] = field(default_factory=list)
    canaries: int = 0


@contextmanager
def watching(watch: Watch) -> Iterator[Watch]:
    """Refuse the network to this thread for a while, and count who asks; all else goes on."""
    _hook()
    thread = threading.get_ident()
    _watched[thread] = watch
    try:
        _canary(watch)
        yield watch
        _canary(watch)
    finally:
        del _watched[thread]


def _canary(watch: Watch) -> None:
    """Ask for the network ourselves: a watch that does not see it sees nothing."""
    before = len(watch.attempts)
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except Online:
        del watch.attempts[before:]
        watch.canaries += 1


def _hook() -> None:
    if not _state["hooked"]:
        sys.addaudithook(_refuse)
        _state["hooked"] = True


def network_sockets() -> list[str]:
    """Return the open sockets of this process that are not local ones, on Linux."""
    inodes = set()
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return []
    for name in os.listdir(folder):
        try:
            found = os.stat(folder / name)
        except OSError:
            continue
        if stat.S_ISSOCK(found.st_mode):
            inodes.add(str(found.st_ino))
    open_ones = []
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        path = Path("/proc/self/net") / table
        if path.exists():
            for line in path.read_text().splitlines()[1:]:
                parts = line.split()
                if len(parts) > 9 and parts[9] in inodes:
                    open_ones.append(f"{table} {parts[1]}")
    return open_ones


def go_offline() -> str:
    """Close the way to the network for the rest of this process; return how it is closed.

    Raises Online where a network socket is open already.
    """
    open_ones = network_sockets()
    if open_ones:
        raise Online(f"a network socket is open already: {', '.join(open_ones)}")
    _hook()
    _state["closed"] = True
    return "kernel and interpreter" if _close_kernel() else "interpreter"


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    watch = _watched.get(threading.get_ident())
    if not _state["closed"] and watch is None:
        return
    try:
        _judge(event, arguments)
    except Online as error:
        if watch is not None:
            watch.attempts.append(str(error))
        raise


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.__new__":
        family = int(arguments[1])
        if family not in (_AF_UNIX, -1):
            raise Online(f"no socket of family {family}: this process is offline")
    elif event in _ASKING:
        address = arguments[1] if len(arguments) > 1 else None
        if not isinstance(address, str | bytes) or event in _ASKING[2:4]:
            raise Online(f"{event} is refused: this process is offline")


def _close_kernel() -> bool:
    """Have the kernel refuse socket(2) but for AF_UNIX; say whether it does."""
    known = _MACHINES.get(platform.machine())
    if known is None or not sys.platform.startswith("linux"):
        return False
    architecture, number = known
    program = b"".join(
        struct.pack("<HBBI", code, yes, no, value)
        for code, yes, no, value in (
            (_LOAD, 0, 0, _ARCHITECTURE),
            # another machine's system calls have other numbers: refuse none that is not known
            (_JUMP_EQUAL, 0, 5, architecture),
            (_LOAD, 0, 0, _NUMBER),
            (_JUMP_EQUAL, 0, 3, number),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_JUMP_EQUAL, 1, 0, _AF_UNIX),
            (_RETURN, 0, 0, _ERRNO | _EACCES),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog
    filters = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(filters, len(filters))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return bool(library.prctl(_PR_SET_SECCOMP, _FILTER, pointer, 0, 0) == 0)
