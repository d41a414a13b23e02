"""The line has no network: tried in a process of its own, which stays offline."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
import threading

import pytest

from sgprobe.host.offline import Online, Watch, watching

CLOSED = """
import ctypes, socket, subprocess, sys
from sgprobe.host.offline import Online, go_offline, network_sockets
print(go_offline())
def refused(call):
    try:
        call()
    except OSError as error:
        return type(error).__name__
    return "NOT REFUSED"
print(refused(lambda: socket.socket()))
print(refused(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
print(refused(lambda: socket.create_connection(("127.0.0.1", 9))))
print(refused(lambda: socket.getaddrinfo("localhost", 80)))
print(ctypes.CDLL(None).socket(2, 1, 0), ctypes.CDLL(None).socket(10, 2, 0))
child = "import socket\\ntry: socket.socket()\\nexcept OSError as error: print(error.errno)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip())
one, two = socket.socketpair()
one.send(b"local")
print(two.recv(5).decode(), network_sockets(), go_offline() != "")
"""


def outcome(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_no_network_socket_can_be_opened() -> None:
    lines = outcome(CLOSED)
    assert lines[1:5] == ["Online"] * 4
    assert lines[7] == "local [] True"
    if platform.machine() in ("x86_64", "aarch64") and sys.platform == "linux":
        # the kernel refuses whoever asks, children as well
        assert (lines[0], lines[5], lines[6]) == ("kernel and interpreter", "-1 -1", "13")


@pytest.mark.skipif(sys.platform != "linux", reason="open sockets are found in /proc")
def test_a_socket_that_is_open_already_is_found() -> None:
    code = (
        "import socket\n"
        "from sgprobe.host.offline import Online, go_offline\n"
        "one = socket.socket(); one.bind(('127.0.0.1', 0)); one.listen()\n"
        "try: go_offline()\n"
        "except Online as error: print(error)\n"
    )
    (line,) = outcome(code)
    assert "open already: tcp" in line


def test_a_watch_refuses_and_counts_in_its_own_thread_alone() -> None:
    watch, elsewhere = Watch(), []

    def other() -> None:
        with socket.socket() as one:
            elsewhere.append(one.fileno())

    with watching(watch):
        for ask in (socket.socket, lambda: socket.getaddrinfo("localhost", 80)):
            with pytest.raises(Online):
                ask()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert (len(watch.attempts), watch.canaries, len(elsewhere)) == (2, 2, 1)
    socket.socket().close()
    assert len(watch.attempts) == 2
