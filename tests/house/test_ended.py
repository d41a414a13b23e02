"""What a test has begun does not outlive it, however the test ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ended import begun
from free_ports import FreePorts, free_port
from readme import HANGS, play

# a server in the background, and a script that fails, hangs, or is left in the middle of it
LEAVES = "sleep 1000 & echo $! > left; {}"
TEST = """\
import sys
from ended import begun
with begun(["bash", "-c", "sleep 1000 & echo $! > left; wait"]):
    sys.stdin.read()
"""


def left(folder: Path) -> int:
    """Return the process that the script has left behind, once it is known."""
    until = time.monotonic() + 60
    while not (folder / "left").exists() or not (folder / "left").read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    return int((folder / "left").read_text())


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    # in a container nobody may be there to take note of its end
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(process: int) -> bool:
    until = time.monotonic() + 60
    while lives(process):
        if time.monotonic() > until:
            os.kill(process, signal.SIGKILL)
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(("then", "code"), [("true", 0), ("false", 1), ("exit 4", 4)])
def test_what_a_snippet_leaves_running_is_ended(then: str, code: int, tmp_path: Path) -> None:
    assert play(LEAVES.format(then), tmp_path)[0] == code
    assert gone(left(tmp_path))


def test_a_snippet_that_hangs_is_ended_and_its_words_are_kept(tmp_path: Path) -> None:
    script = LEAVES.format("echo here; sleep 1000")
    assert play(script, tmp_path, seconds=0.5) in ((HANGS, "here\n"), (HANGS, ""))
    assert not (tmp_path / "left").exists() or gone(left(tmp_path))


def test_an_error_of_the_test_ends_it(tmp_path: Path) -> None:
    def fails() -> None:
        with begun(["bash", "-c", LEAVES.format("wait")], cwd=tmp_path):
            left(tmp_path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert gone(left(tmp_path))


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_test_process_ends_it(by: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    test = subprocess.Popen([sys.executable, "-c", TEST], stdin=subprocess.PIPE, cwd=tmp_path,
                            env=environment)  # fmt: skip
    process = left(tmp_path)
    assert lives(process)
    test.send_signal(by)
    test.communicate()
    assert gone(process)


def test_a_script_waits_for_what_it_has_begun(tmp_path: Path) -> None:
    """A server that is slow to begin is there after the pause, however short it is."""
    port = free_port()
    slow = f"import socket, time; time.sleep(1.5); s = socket.create_server(('127.0.0.1', {port}))"
    script = (
        f'{sys.executable} -c "{slow}; time.sleep(100)" &\nsleep 0.01\n'
        f"{sys.executable} -c \"import socket; socket.create_connection(('127.0.0.1', {port}))\""
    )
    assert play(script, tmp_path) == (0, "")
    # who is over is not waited for
    assert play("true & sleep 0.01", tmp_path) == (0, "")


def test_ports_are_free_and_differ() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    first = free_port(2)
    for port in (*ports, first, first + 1):
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", taken))
        monkeypatch.setattr("free_ports._FIRST", taken)
        monkeypatch.setattr("free_ports._LAST", taken + 2)
        assert {free_port() for _ in range(3)} <= {taken + 1}


def test_one_name_is_one_port() -> None:
    ports = FreePorts()
    text = ports.put("https://127.0.0.1:18460 and 18461, 118460")
    assert ports.put("18461 18460") == f"{ports.of('18461')} {ports.of('18460')}"
    assert text.endswith(", 118460")
    assert "18460 " not in text
