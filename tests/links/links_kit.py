"""What the tests of links share: identities, a request and its answer, a server that counts."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sgprobe.crypto.pki import Credential, TestPki
from sgprobe.exchange import Request, Response
from sgprobe.links.card_slot import ServedCard
from sgprobe.links.tls import Identity, TlsSettings

T = TypeVar("T")

PKI = TestPki.load()
EIM = "eim.example.com"
PATH = "/gsma/rsp2/asn1"
MEDIA = "application/x-gsma-rsp-asn1"
PROTOCOL = (("x-admin-protocol", "gsma/rsp/v2.1.0"),)
POLL = Request(PATH, MEDIA, bytes.fromhex("BF4F125A1089049032123451234512345678901235"), PROTOCOL)
NOTHING = Response(200, MEDIA, bytes.fromhex("BF4F03020101"), PROTOCOL)
ISDR = "A0000005591010FFFFFFFF8900000100"
LARGE = b"\x30\x82\x75\x2c" + bytes(range(256)) * 117 + bytes(48)


# so long nothing takes that does not hang, on the slowest machine
PATIENCE = 120.0


def run(work: Awaitable[T], seconds: float = PATIENCE) -> T:
    """Run to the end, or fail in time."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run(bounded())


async def until(true: Callable[[], object], seconds: float = PATIENCE / 2) -> None:
    """Wait for what another task or process brings about, or fail in time."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Give what tells how much memory is held that was taken since; garbage does not count."""
    gc.collect()
    tracemalloc.start()

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    try:
        yield held
    finally:
        tracemalloc.stop()


def identity_of(credential: Credential) -> Identity:
    return Identity(tuple(one.der for one in credential.path), credential.key)


def mutual(curve: str, name: str, **changes: object) -> TlsSettings:
    """Both sides show a certificate and ask for one."""
    pki = PKI[curve]
    given: dict[str, object] = {"identity": identity_of(pki[name]), "trust": (pki.ci.der,)}
    return TlsSettings(**(given | changes))  # type: ignore[arg-type]


def server(curve: str = "p256", fault: str | None = None, **changes: object) -> TlsSettings:
    """Only the server shows a certificate."""
    identity = identity_of(PKI[curve].get("eim-tls", fault))
    return TlsSettings(**({"identity": identity, "verify": False} | changes))  # type: ignore[arg-type]


def client(curve: str = "p256", **changes: object) -> TlsSettings:
    return TlsSettings(**({"trust": (PKI[curve].ci.der,)} | changes))  # type: ignore[arg-type]


class Answers:
    """A handler that counts, and answers always the same."""

    def __init__(self, response: Response = NOTHING) -> None:
        self.asked: list[Request] = []
        self.response = response

    async def __call__(self, request: Request, caller: object) -> Response:
        self.asked.append(request)
        return self.response


class Channels:
    """A card with channels, and one application that says on which channel it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.open: set[int] = set()
        self.selected: set[int] = set()
        self.resets = 0

    def apdu(self, command: bytes) -> bytes:
        self.asked.append(command)
        if len(command) < 4:
            return b"\x67\x00"
        channel = command[0] & 0x03
        match command[1]:
            case 0x70 if command[2] == 0x80:
                self.open.discard(command[3])
                self.selected.discard(command[3])
                return b"\x90\x00"
            case 0x70:
                free = min({1, 2, 3} - self.open, default=0)
                if not free:
                    return b"\x6a\x81"
                self.open.add(free)
                return bytes([free]) + b"\x90\x00"
            case _ if channel and channel not in self.open:
                return b"\x68\x81"
            case 0xA4:
                if command[5:].hex().upper() != ISDR:
                    return b"\x6a\x82"
                self.selected.add(channel)
                return b"\x61\x21"
            case 0xE2 if channel in self.selected:
                return bytes([channel]) + command[5:] + b"\x90\x00"
        return b"\x6d\x00"

    def reset(self) -> bytes:
        self.resets += 1
        self.open.clear()
        self.selected.clear()
        return b"\x3b\x00"

    @property
    def slot(self) -> ServedCard:
        return ServedCard(self.apdu, self.reset, b"\x3b\x00")


def write_pem(folder: Path, curve: str, name: str) -> tuple[str, str, str]:
    """Write chain, key and CI of a party for a program that wants files."""
    credential = PKI[curve][name]
    chain, key, root = (folder / f"{name}.{kind}.pem" for kind in ("chain", "key", "ci"))
    chain.write_bytes(b"".join(pem(one.der) for one in credential.path))
    key.write_bytes(credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    root.write_bytes(pem(PKI[curve].ci.der))
    return str(chain), str(key), str(root)


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def oracle(program: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def has_datagram_port(port: int) -> bool:
    """Say whether some program has bound a UDP port; a probe of ours could be in its way."""
    tables = [Path(f"/proc/net/{name}") for name in ("udp", "udp6")]
    lines = [line for one in tables if one.exists() for line in one.read_text().splitlines()[1:]]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)


class Program:
    """Another program at the other end; it is ended with the test."""

    def __init__(self, *command: str, folder: Path | None = None) -> None:
        self._command = command
        self._folder = folder
        self.process: asyncio.subprocess.Process | None = None
        self.said = b""

    async def __aenter__(self) -> Program:
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def say(self, text: bytes) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(text)

    def end(self) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def rest(self) -> bytes:
        """Read what it says until it ends."""
        assert self.process is not None
        assert self.process.stdout is not None
        return await self.process.stdout.read()

    async def until(self, text: bytes, seconds: float = PATIENCE / 2) -> bytes:
        """Read what it says until `text` stands there, or it ends."""
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            while text not in self.said:
                part = await self.process.stdout.read(4096)
                if not part:
                    break
                self.said += part
        assert text in self.said, self.said.decode("utf-8", "replace")
        return self.said
