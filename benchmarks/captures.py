"""Decodes large captures and compares with tshark in the same run, in turns.

    python benchmarks/captures.py [http|values|tls12|tls13|coap|big ...] [--exchanges N] [--runs N]

tshark needs the SGP.32 dissector (4.6 or later): name it with TSHARK=/path/to/tshark. Where it is
absent, the rival is asn1tools behind dpkt, where these are installed, and the output says so.
Every figure is a whole process: start, decode, output written to a file. Seconds are by the clock;
seconds of work are those of the processors, the better measure where the machine has other work.
`one` is --jobs 1, `both` as many processes as cores. `big` is 1.2 GB of HTTP without a rival:
seconds to the first message and to the last, and the resident memory of all processes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import traffic

from dissectors.link.coap import options as opt
from dissectors.link.coap.codes import ACK, CON
from dissectors.link.coap.message import CoapMessage, encode

FORMAT = (opt.CONTENT_FORMAT, b"\x2a")
SIZES = {"http": 100_000, "values": 100_000, "tls12": 8_000, "tls13": 8_000, "coap": 50_000}
BIG = 1_480_000
Figures = dict[str, list[tuple[float, float]]]


def write_tls(path: Path, keys: Path, sessions: int, version: int) -> int:
    """Write sessions of four exchanges each, with real handshakes; return the messages."""
    from sgprobe.crypto.pki import TestPki
    from sgprobe.links.tape import Tape
    from sgprobe.links.tls import Identity, TlsSession, TlsSettings, make_context

    pki = TestPki.load()["p256"]
    eim = pki["eim-tls"]
    settings = TlsSettings(identity=Identity(tuple(c.der for c in eim.path), eim.key),
                           verify=False, lowest=version, highest=version)  # fmt: skip
    trust = TlsSettings(trust=(pki.ci.der,), lowest=version, highest=version)
    pool = traffic.messages(random.Random(7), 4000)
    lines: list[bytes] = []
    server_context = make_context(settings, True, lambda line: None)
    client_context = make_context(trust, False, lines.append)
    number = 0
    clock = 1_750_000_000.0
    with path.open("wb") as file:
        tape = Tape(file, now=lambda: clock)
        for index in range(sessions):
            client = TlsSession(client_context, False, "eim.example.com")
            server = TlsSession(server_context, True)
            track = tape.connection((f"10.0.{index >> 8}.{index & 255}", 40000), ("10.0.0.5", 443))
            client.receive(b"")
            while not (client.established and server.established):
                for side, one, other in ((0, client, server), (1, server, client)):
                    data = one.outgoing()
                    if data:
                        track.data(side, data)
                        other.receive(data)
            for _ in range(4):
                request, response = pool[number % len(pool)]
                for side, one, other, plain in (
                    (0, client, server, traffic.http_request(request)),
                    (1, server, client, traffic.http_response(response)),
                ):
                    one.send(plain)
                    data = one.outgoing()
                    track.data(side, data)
                    other.receive(data)
                number += 1
                clock += 0.001
            track.end(0)
            track.end(1)
    keys.write_bytes(b"\n".join(lines) + b"\n")
    return 2 * number


def write_coap(path: Path, exchanges: int) -> int:
    """Write devices of a few exchanges each, CON with piggybacked answers, one request in fifty
    sent again; return the messages.
    """
    rng = random.Random(7)
    pool = traffic.messages(rng, 4000)
    uri = opt.path_options("/gsma/rsp2/asn1")
    clock = 1_750_000_000_000_000
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        device = left = 0
        for number in range(exchanges):
            request, response = pool[number % len(pool)]
            if not left:
                device, left = device + 1, rng.choice((2, 4, 8))
            left -= 1
            host = bytes((10, 1 + (device >> 16), device >> 8 & 255, device & 255))
            mid, token = number & 0xFFFF, struct.pack("!I", number)
            ask = encode(CoapMessage(CON, 2, mid, token, opt.sort((*uri, FORMAT)), request))
            told = encode(CoapMessage(ACK, 0x44, mid, token, (FORMAT,) if response else (),
                                      response))  # fmt: skip
            frames = [_udp(host, 40000, b"\x0a\x00\x00\x05", 5683, ask),
                      _udp(b"\x0a\x00\x00\x05", 5683, host, 40000, told)]  # fmt: skip
            if rng.random() < 0.02:
                frames.insert(1, frames[0])
            for frame in frames:
                clock += 500
                file.write(struct.pack("<IIII", clock // 1_000_000, clock % 1_000_000,
                                       len(frame), len(frame)) + frame)  # fmt: skip
    return 2 * exchanges


def _udp(src: bytes, sport: int, dst: bytes, dport: int, data: bytes) -> bytes:
    udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, src, dst)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of an installed program: compiled modules are kept, output is
    buffered.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "pyc")}


def timed(command: list[str], out: Path, env: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of a command by the clock, and those that processors worked for it."""
    start = time.perf_counter()
    with out.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=env)
        _, _, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def resident(pid: int) -> int:
    """Return the resident bytes of a process and its children; what they share counts twice."""
    total = 0
    try:
        total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += resident(int(child))
    except OSError:
        pass  # it has ended meanwhile
    return total


def lines_of(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def find_tshark() -> str | None:
    """Return a tshark that knows SGP.32."""
    path = os.environ.get("TSHARK") or shutil.which("tshark")
    if path is None:
        return None
    known = subprocess.run([path, "-G", "protocols"], capture_output=True, text=True).stdout
    return path if "sgp32" in known else None


def compare(kind: str, count: int, runs: int, folder: Path) -> None:
    """Measure one kind of capture and print its row."""
    capture, keys, out = folder / f"{kind}.cap", folder / "keys.log", folder / "out"
    if kind in ("http", "values"):
        expected = traffic.write_http(capture, count)
    elif kind == "coap":
        expected = write_coap(capture, count)
    else:
        expected = write_tls(capture, keys, count, 0x0303 if kind == "tls12" else 0x0304)
    ours = [sys.executable, "-m", "sgprobe", "decode", str(capture)]
    if kind == "values":
        ours += ["--as", "csv", "--fields", "frames,eidValue,counterValue", "--spec", "SGP.32@1.2"]
    else:
        ours += ["--as", "ndjson"]
    if kind.startswith("tls"):
        ours += ["--keylog", str(keys)]
    commands = {"one": [*ours, "--jobs", "1"], "both": ours}
    tshark = find_tshark()
    if tshark is not None:
        commands["tshark"] = _rival(tshark, kind, capture, keys)
    elif kind.startswith("tls"):
        print("no tshark that knows SGP.32 (set TSHARK=...), and no other rival for TLS")
    else:
        print("no tshark that knows SGP.32 (set TSHARK=...); the rival is asn1tools behind dpkt")
        script = Path(__file__).with_name("rival_asn1tools.py")
        commands["asn1tools"] = [sys.executable, str(script), str(capture)]
    env = environment(folder)
    figures: Figures = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            seconds = timed(command, out, env)
            if turn:  # the first turn warms caches
                figures[name].append(seconds)
            found = lines_of(out) - (kind == "values")
            if name in ("one", "both") and found != expected:
                sys.exit(f"{kind}: {found} messages found, {expected} written")
    _print(kind, capture, expected, figures)


def _print(kind: str, capture: Path, messages: int, figures: Figures) -> None:
    *_, rival = figures
    size, load = capture.stat().st_size >> 20, os.getloadavg()[0]
    print(f"{kind}: {size} MB, {messages} messages, load {load:.1f}")
    for name, rows in figures.items():
        line = f"    {name:9}"
        for what, place, chosen in (
            ("s", 0, statistics.median),
            ("s at best", 0, min),
            ("s of work", 1, statistics.median),
        ):
            seconds = chosen(row[place] for row in rows)
            ratio = chosen(row[place] for row in figures[rival]) / seconds
            line += f" {seconds:7.2f} {what}, {rival} {ratio:.2f} times;"
        print(line.rstrip(";"), flush=True)


def _rival(tshark: str, kind: str, capture: Path, keys: Path) -> list[str]:
    rival = [tshark, "-r", str(capture), "-n", "-o", "tcp.reassemble_out_of_order:TRUE"]
    if kind.startswith("tls"):
        rival += ["-o", f"tls.keylog_file:{keys}"]
    if kind == "coap":
        rival += ["-d", "media_type==application/octet-stream,sgp32"]
    if kind == "values":
        return [*rival, "-Y", "sgp32", "-T", "fields", "-e", "frame.number",
                "-e", "sgp32.eidValue", "-e", "sgp32.counterValue"]  # fmt: skip
    return [*rival, "-Y", "sgp32", "-T", "json", "-j", "sgp32"]


def big(exchanges: int, folder: Path) -> None:
    """Decode one capture of more than a gigabyte and print memory and the first message."""
    capture = folder / "big.cap"
    expected = traffic.write_http(capture, exchanges)
    command = [sys.executable, "-m", "sgprobe", "decode", str(capture), "--as", "ndjson"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(folder))
    assert process.stdout is not None
    first, found, peak, looked = 0.0, 0, 0, start
    while chunk := os.read(process.stdout.fileno(), 1 << 20):
        now = time.perf_counter()
        first = first or now - start
        found += chunk.count(b"\n")
        if now - looked > 0.2:
            looked = now
            peak = max(peak, resident(process.pid))
    status = process.wait()
    seconds = time.perf_counter() - start
    print(f"big: {capture.stat().st_size >> 20} MB, load {os.getloadavg()[0]:.1f}, exit {status}")
    print(f"    {found} of {expected} messages in {seconds:.1f} s, the first after {first:.2f} s")
    print(f"    {peak >> 20} MB resident at most, all processes together")
    capture.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(SIZES))
    parser.add_argument("--exchanges", type=int, help="exchanges, or TLS sessions")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            if kind == "big":
                big(arguments.exchanges or BIG, Path(folder))
                continue
            compare(kind, arguments.exchanges or SIZES[kind], arguments.runs, Path(folder))


if __name__ == "__main__":
    main()
