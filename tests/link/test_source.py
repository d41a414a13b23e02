"""Where bytes come from: paths, files, pipes, gzip; and what is refused, with which words."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zlib

import pytest
from link_frames import Recorder, Talk, pcap, read

from dissectors.link.capture import CaptureError, read_capture
from dissectors.link.source import Source, open_source

TALK = Talk()
CAPTURE = pcap([*TALK.open(), TALK.say(0, b"hello" * 50)])


def everything(source: Source) -> bytes:
    return b"".join(iter(lambda: source.read(1000), b""))


def test_a_path_knows_its_size(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(CAPTURE)
    for name in (path, str(path)):
        source = open_source(name)
        assert (source.size, source.peek(4)[:4]) == (len(CAPTURE), CAPTURE[:4])
        assert everything(source) == CAPTURE
        assert source.consumed == len(CAPTURE)
        source.close()


def test_an_open_file_stays_open():
    file = io.BytesIO(CAPTURE)
    source = open_source(file)
    assert everything(source) == CAPTURE
    source.close()
    assert not file.closed


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(CAPTURE),
        gzip.compress(CAPTURE[:50]) + gzip.compress(CAPTURE[50:]),
        gzip.compress(CAPTURE[:50]) + gzip.compress(b"", mtime=0) * 5 + gzip.compress(CAPTURE[50:]),
        gzip.compress(CAPTURE) + bytes(700),
    ],
    ids=["one member", "two members", "empty members", "padded"],
)
def test_gzip_is_undone(data):
    source = open_source(io.BytesIO(data))
    assert everything(source) == CAPTURE
    assert source.fault is None


def test_gzip_gives_no_more_than_asked_for():
    source = open_source(io.BytesIO(gzip.compress(bytes(10 << 20))))
    assert len(source.read(4096)) <= 4096


def test_gzip_that_ends_early_or_is_damaged_gives_what_there_is():
    packed = gzip.compress(CAPTURE * 100)
    for data, code in ((packed[:-20], "gzip-corrupt"), (packed[:-4] + b"abcd", "gzip-corrupt")):
        source = open_source(io.BytesIO(data))
        assert everything(source).startswith(CAPTURE)
        assert source.fault is not None
        assert source.fault[0].name == code


def test_a_compression_bomb_stops():
    bomb = gzip.compress(CAPTURE + bytes(200 << 20))
    opener, summary = read(bomb)
    assert "gzip-bomb" in opener.codes()
    assert summary.frames > 4
    assert opener.tape.bytes(0) == b"hello" * 50


def test_many_empty_members_take_linear_time():
    source = open_source(io.BytesIO(gzip.compress(b"", mtime=0) * 20_000 + gzip.compress(CAPTURE)))
    assert everything(source) == CAPTURE


def test_a_damaged_gzip_capture_keeps_what_was_before():
    frames = [TALK.say(0, os.urandom(500)) for _ in range(200)]
    packed = zlib.compressobj(wbits=31)
    data = packed.compress(pcap(frames)) + packed.flush()
    opener, summary = read(data[: len(data) // 2])
    assert 50 < summary.frames < 200
    assert opener.codes() == ["capture-truncated", "gzip-corrupt"]


def test_standard_input_is_read_as_it_comes(tmp_path):
    script = (
        "from dissectors.link.capture import read_capture\n"
        "from link_frames import Recorder\n"
        "opener = Recorder()\n"
        "def told(done, size):\n"
        "    print(len(opener.tapes), size, flush=True)\n"
        "print(read_capture('-', opener, progress=told).frames, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # the flow is there before the input ends
        process.stdin.write(CAPTURE)
        process.stdin.flush()
        assert process.stdout.readline() == b"1 None\n"
        process.stdin.close()
        assert process.stdout.read() == b"4\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"{}", "begins with 7b 7d"),
        (b"\x00" * 40, "not a capture"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"\x34\xcd\xb2\xa1" + bytes(40), "editcap"),
        (CAPTURE[:10], "ends inside its file header"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "damaged section header"),
        (b"\x1f\x8b" + bytes(40), "gzip data is damaged"),
        (gzip.compress(b"just text", mtime=0), "begins with 6a 75"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (pcap([b"x"], 127), "link type 127"),
    ],
)
def test_what_is_no_capture_is_refused_in_words(data, words):
    with pytest.raises(CaptureError) as error:
        read(data)
    assert words in str(error.value)
    if "127" not in words and "header" not in words:
        assert "pcap and pcapng files are accepted" in str(error.value)


def test_what_cannot_be_opened_is_refused_in_words(tmp_path):
    for path, words in ((tmp_path, "directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(CaptureError, match=words):
            read_capture(path, Recorder())


def test_a_read_error_is_refused_in_words():
    class Broken(io.BytesIO):
        def read1(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(CaptureError, match="Input/output error"):
        read_capture(Broken(CAPTURE), Recorder())
