"""Our decryption and tshark's, on the same packets: own records are read by a second opinion."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from OpenSSL import SSL
from tls_endpoints import TCP, UDP, Log, Pair, context, decode, decode_dtls, keylog
from tls_forge import SUITES, Forge


def find_tshark() -> str | None:
    """Return a tshark of 4.6 or later; older ones were not compared."""
    path = os.environ.get("TSHARK") or shutil.which("tshark")
    if path is None:
        return None
    out = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)\.\d+", out)
    new = version is not None and (int(version[1]), int(version[2])) >= (4, 6)
    return path if new else None


TSHARK = find_tshark()
pytestmark = [
    pytest.mark.oracle("tshark"),
    pytest.mark.skipif(TSHARK is None, reason="no tshark 4.6 or later (TSHARK=path names one)"),
]
# tshark 4.6 opens no ChaCha20 records of DTLS 1.2, not even those of OpenSSL, which we do open
VARIANTS = [(code, False) for code, spec in SUITES.items() if spec[0] != "chacha"] + [
    (code, True) for code, spec in SUITES.items() if spec[0] == "cbc"
]


def write_pcap(path: Path, wire: list[tuple[int, bytes]], udp: bool) -> None:
    """Write raw IPv4 packets (link type 101), checksums left zero."""
    flow = UDP if udp else TCP
    ends = [flow.client, flow.server]
    seq = [1, 1]
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)

    def packet(side: int, data: bytes, flags: int, number: int) -> bytes:
        ports = struct.pack("!HH", ends[side].port, ends[1 - side].port)
        if udp:
            body = ports + struct.pack("!HH", 8 + len(data), 0) + data
        else:
            numbers = struct.pack("!II", seq[side], seq[1 - side] if flags & 16 else 0)
            body = ports + numbers + struct.pack("!BBHHH", 0x50, flags, 65535, 0, 0) + data
            seq[side] += len(data) + (flags & 2) // 2
        hosts = [bytes(map(int, end.host.split("."))) for end in ends]
        protocol = 17 if udp else 6
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), number, 0, 64, protocol, 0)
        ip += hosts[side] + hosts[1 - side] + body
        return struct.pack("<IIII", number // 1000, number % 1000 * 1000, len(ip), len(ip)) + ip

    if not udp:
        seq[:] = [0, 0]
        out += packet(0, b"", 2, 1) + packet(1, b"", 18, 2) + packet(0, b"", 16, 3)
    for number, (side, chunk) in enumerate(wire, 4):
        for at in range(0, len(chunk), 1400):
            out += packet(side, chunk[at : at + 1400], 24, number)
    path.write_bytes(out)


def tshark(tmp_path: Path, wire: list[tuple[int, bytes]], keys: bytes, udp: bool) -> list[bytes]:
    """Return what tshark finds inside, the application records in order."""
    capture, log = tmp_path / "c.pcap", tmp_path / "keys.log"
    write_pcap(capture, wire, udp)
    log.write_bytes(keys)
    kind = "dtls" if udp else "tls"
    command = [str(TSHARK), "-n", "-r", str(capture), "-o", f"tls.keylog_file:{log}"]
    command += ["-d", f"{'udp.port==5684' if udp else 'tcp.port==443'},{kind}"]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE", "-q", "-z", f"follow,{kind},raw,0"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = out.split("Node 1:")[1].splitlines()[1:]
    return [bytes.fromhex(line.strip()) for line in lines if not line.startswith("=")]


@pytest.mark.parametrize("name", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA384"])
def test_tls12(tmp_path: Path, name: str) -> None:
    log = Log()
    pair = Pair(context(server=False, log=None, ciphers=name), context(server=True, log=log)).talk()
    ours = [data for _, data in decode(pair.wire, keylog(log.text)).order]
    assert b"".join(tshark(tmp_path, pair.wire, log.text, udp=False)) == b"".join(ours)


def test_chacha_in_dtls_is_still_not_opened_by_tshark(tmp_path: Path) -> None:
    log = Log()
    both = {"dtls": True, "ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305"}
    client, server = context(server=False, log=None, **both), context(server=True, log=log, **both)
    pair = Pair(client, server, dtls=True).talk(1)
    assert decode_dtls(pair.wire, keylog(log.text)).plain == pair.sent
    assert tshark(tmp_path, pair.wire, log.text, udp=True) == []


def test_tls13(tmp_path: Path) -> None:
    log = Log()
    version = SSL.TLS1_3_VERSION
    pair = Pair(
        context(server=False, log=None, version=version),
        context(server=True, log=log, version=version),
    ).talk()
    ours = [data for _, data in decode(pair.wire, keylog(log.text)).order]
    assert b"".join(tshark(tmp_path, pair.wire, log.text, udp=False)) == b"".join(ours)


@pytest.mark.parametrize(("code", "etm"), VARIANTS)
def test_own_dtls_records(tmp_path: Path, code: int, etm: bool) -> None:
    forge = Forge(code, etm=etm)
    wire = forge.handshake(cookie=True)
    for i in range(4):
        wire.append((i % 2, forge.data(i % 2, b"part %d" % i * 9)))
    ours = [data for _, data in decode_dtls(wire, keylog(forge.keylog)).order]
    assert len(ours) == 4
    assert tshark(tmp_path, wire, forge.keylog, udp=True) == ours


@pytest.mark.parametrize(("code", "etm"), VARIANTS)
def test_own_connection_id_records(tmp_path: Path, code: int, etm: bool) -> None:
    forge = Forge(code, etm=etm, cids=(b"server-1", b"dev"))
    wire = forge.handshake()
    for i in range(4):
        wire.append((i % 2, forge.data(i % 2, b"part %d" % i * 9, padding=i)))
    ours = [data for _, data in decode_dtls(wire, keylog(forge.keylog)).order]
    assert len(ours) == 4
    assert tshark(tmp_path, wire, forge.keylog, udp=True) == ours
