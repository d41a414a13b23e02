"""What the tests of links share: identities, a request and its answer, a server that counts."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Awaitable
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
from sgprobe.links.tls import Identity, TlsSettings

T = TypeVar("T")

PKI = TestPki.load()
EIM = "eim.example.com"
PATH = "/gsma/rsp2/asn1"
MEDIA = "application/x-gsma-rsp-asn1"
PROTOCOL = (("x-admin-protocol", "gsma/rsp/v2.1.0"),)
POLL = Request(PATH, MEDIA, bytes.fromhex("BF4F125A1089049032123451234512345678901235"), PROTOCOL)
NOTHING = Response(200, MEDIA, bytes.fromhex("BF4F03020101"), PROTOCOL)
LARGE = b"\x30\x82\x75\x2c" + bytes(range(256)) * 117 + bytes(48)


def run(work: Awaitable[T], seconds: float = 20.0) -> T:
    """Run to the end, or fail in time."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run(bounded())


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


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port for a program that cannot be told to take any."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


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

    async def until(self, text: bytes, seconds: float = 10.0) -> bytes:
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
