"""The public entry: what a capture held, progress, and counts that tcpdump agrees with."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import struct
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import Recorder, Talk, pcap, read, udp_frame

from dissectors.link.capture import CaptureError, read_capture

TALK = Talk()
FRAMES = [*TALK.open(), TALK.say(0, b"question"), TALK.say(1, b"answer"), *TALK.close()]


def test_the_summary_says_what_the_capture_held():
    data = pcap([*FRAMES, udp_frame(("1.1.1.1", 5000), ("2.2.2.2", 5683), b"x"), b"\0" * 5])
    _, summary = read(data)
    assert summary.frames == 10
    assert summary.bytes == len(data) - 24 - 160
    assert (summary.first, summary.last) == (1_700_000_000.0, 1_700_000_000.009)
    assert (summary.flows, summary.gaps, summary.findings) == (2, 0, 1)
    assert summary.interfaces[0].linktype == 1


def test_an_empty_capture_is_a_capture():
    _, summary = read(pcap([]))
    assert (summary.frames, summary.first, summary.last) == (0, None, None)


def test_progress_is_told(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(FRAMES * 20_000))
    told = []
    read_capture(path, Recorder(lambda flow: False), progress=lambda *at: told.append(at))
    assert len(told) > 5
    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_gzip_reads_the_same(tmp_path):
    data = pcap(FRAMES)
    path = tmp_path / "a.pcap.gz"
    path.write_bytes(gzip.compress(data))
    opener = Recorder()
    assert read_capture(path, opener) == read(data)[1]
    assert opener.tape.bytes(1) == b"answer"


def test_an_error_of_a_sink_is_not_swallowed(tmp_path):
    class Broken(Recorder):
        def stream(self, flow):
            raise BrokenPipeError

    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(FRAMES))
    with pytest.raises(BrokenPipeError):
        read_capture(path, Broken())


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed")
def test_tcpdump_counts_the_same(tmp_path):
    rnd = random.Random(5)
    frames = []
    for n in range(300):
        talk = Talk(client=("10.0.0.1", 2000 + n))
        frames += [*talk.open(), talk.say(0, rnd.randbytes(rnd.randint(1, 900)))]
        frames.append(udp_frame(("1.1.1.1", 5000), ("2.2.2.2", 5683), rnd.randbytes(n)))
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(frames))
    out = subprocess.run(
        ["tcpdump", "-n", "-q", "-r", str(path), "greater 1"],
        capture_output=True,
        text=True,
        check=True,
    )
    sizes = {"tcp": 0, "UDP,": 0}
    for line in out.stdout.splitlines():
        words = line.split()
        sizes[words[5]] += int(words[-1])
    opener, summary = read(path.read_bytes())
    assert summary.frames == len(out.stdout.splitlines()) == 1500
    got = {"tcp": 0, "udp": 0}
    for tape in opener.tapes:
        got[tape.flow.transport] += len(tape.bytes(0))
    assert got == {"tcp": sizes["tcp"], "udp": sizes["UDP,"]}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_input_is_read_or_refused(data):
    try:
        read(data)
    except CaptureError:
        return


def test_memory_stays_bounded_on_a_large_capture():
    """A capture of flows that never end passes through a pipe; the process stays small."""
    script = (
        "import re, resource, sys\n"
        "from pathlib import Path\n"
        "from dissectors.link.capture import read_capture\n"
        "class Sink:\n"
        "    def data(self, *a): pass\n"
        "    gap = end = problem = datagram = close = data\n"
        "class Opener:\n"
        "    def stream(self, flow): return Sink()\n"
        "    datagrams = stream\n"
        "    def secrets(self, *a): pass\n"
        "    def note(self, *a): pass\n"
        "print(read_capture('-', Opener()).frames)\n"
        # where there is /proc: ru_maxrss would count the process that this one was forked from
        "status = Path('/proc/self/status')\n"
        "found = re.search(r'VmHWM:\\s*(\\d+)', status.read_text()) if status.exists() else None\n"
        "usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(found[1] if found else usage)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    syn = bytearray(Talk().frame(0, 2))
    hole = bytearray(Talk().frame(0, 0x18, b"y" * 900, seq=9000))
    ask = bytearray(udp_frame(("10.0.0.1", 40000), ("10.0.0.2", 5683), b"x" * 40))
    process.stdin.write(pcap([]))
    count = 40_000
    for n in range(count):
        out = io.BytesIO()
        for frame in (syn, hole, ask):
            frame[26:30] = (0x0A000000 + n).to_bytes(4, "big")
            out.write(struct.pack("<IIII", 1_700_000_000 + n // 1000, 0, len(frame), len(frame)))
            out.write(frame)
        process.stdin.write(out.getvalue())
    process.stdin.close()
    assert process.stdout is not None
    frames, resident = map(int, process.stdout.read().split())
    process.stdout.close()
    assert process.wait() == 0
    assert frames == 3 * count
    scale = 1 if sys.platform == "darwin" else 1024
    assert resident * scale < 300 << 20
