"""What the writer makes is read by tcpdump, by Scapy and by our own reader."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_frames import Talk, read, udp_frame

from dissectors.link.linktype import ETHERNET, RAW
from dissectors.link.pcapng_write import INBOUND, NANOSECONDS, OUTBOUND, PcapngWriter

NOW = 1_700_000_000_123_456_789
KEYS = b"CLIENT_RANDOM 00112233 44556677\n"


def sample():
    """A capture with two interfaces, comments and a key log, and its frames."""
    talk = Talk()
    frames = [*talk.open(), talk.say(0, b"question"), talk.say(1, b"answer")]
    writer = PcapngWriter()
    out = [
        writer.section(application="sgprobe", system="Linux", comment="a test"),
        writer.interface(ETHERNET, name="eth0", description="towards the IPA", snaplen=65535),
        writer.interface(RAW, name="tun0", digits=NANOSECONDS),
        writer.secrets(KEYS),
    ]
    for n, frame in enumerate(frames):
        out.append(writer.packet(frame, NOW + n * 10**6, comment=f"frame {n + 1}"))
    raw = udp_frame(("10.0.0.1", 50000), ("10.0.0.2", 5683), b"coap")[14:]
    out.append(writer.packet(raw, NOW, interface=1, direction=OUTBOUND))
    out.append(writer.packet(frames[0][:20], NOW, original=len(frames[0]), direction=INBOUND))
    return b"".join(out), frames, raw


def test_our_own_reader_gets_everything_back():
    data, _, _ = sample()
    told = []
    opener, summary = read(data, comments=lambda text, where: told.append((text, where)))
    tcp, udp = opener.tapes
    assert (tcp.bytes(0), tcp.bytes(1), udp.bytes(0)) == (b"question", b"answer", b"coap")
    assert opener.kept == [(0x544C534B, KEYS)]
    assert told == [("a test", ()), *((f"frame {n}", (n,)) for n in range(1, 6))]
    assert [(each.name, each.linktype, each.ticks) for each in summary.interfaces] == [
        ("eth0", ETHERNET, 10**6),
        ("tun0", RAW, 10**9),
    ]
    assert tcp.events[0][4] == 1_700_000_000.126456
    assert summary.first == 1_700_000_000.123456


def test_scapy_reads_it(tmp_path):
    utils = pytest.importorskip("scapy.utils", reason="Scapy is the second reader")
    data, frames, raw = sample()
    path = tmp_path / "a.pcapng"
    path.write_bytes(data)
    with utils.RawPcapNgReader(str(path)) as reader:
        packets = list(reader)
    assert [packet for packet, _ in packets] == [*frames, raw, frames[0][:20]]
    about = [each for _, each in packets]
    assert [each.comments for each in about[:2]] == [[b"frame 1"], [b"frame 2"]]
    assert about[5].ifname == b"tun0"
    assert about[6].wirelen == len(frames[0])
    ticks = about[5].tshigh << 32 | about[5].tslow
    assert ticks == NOW
    assert about[5].direction == OUTBOUND


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed")
def test_tcpdump_reads_it(tmp_path):
    # tcpdump refuses a second link type in one file, so this has one.
    writer = PcapngWriter()
    talk = Talk()
    data = [writer.section(), writer.interface(digits=NANOSECONDS), writer.secrets(KEYS)]
    data += [writer.packet(frame, NOW, comment="x") for frame in talk.open()]
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"".join(data))
    out = subprocess.run(
        ["tcpdump", "-n", "-tt", "--nano", "-r", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = out.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("1700000000.123456789 IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S]")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=70), st.text(max_size=20)), max_size=8),
    st.integers(0, 9),
    st.integers(0, 2**62),
)
def test_any_packets_come_back(packets, digits, time):
    writer = PcapngWriter()
    data = [writer.section(), writer.interface(digits=digits)]
    data += [writer.packet(frame, time, comment=comment) for frame, comment in packets]
    told = []
    _, summary = read(b"".join(data), comments=lambda text, where: told.append((text, where)))
    assert summary.frames == len(packets)
    assert summary.bytes == sum(len(frame) for frame, _ in packets)
    kept = [(c.rstrip("\0"), (n,)) for n, (_, c) in enumerate(packets, 1) if c]
    assert told == kept
    if packets:
        assert summary.first == pytest.approx(time / 1e9, abs=10**-digits + 1e-6)


def test_long_comments_are_cut_between_characters():
    writer = PcapngWriter()
    data = writer.section(comment="ä" * 40_000) + writer.interface()
    told = []
    read(data, comments=lambda text, where: told.append(text))
    assert told == ["ä" * 32_767]


def test_what_cannot_be_written_is_refused():
    writer = PcapngWriter()
    with pytest.raises(ValueError, match="not described"):
        writer.packet(b"", NOW)
    with pytest.raises(ValueError, match="decimals"):
        writer.interface(digits=12)
