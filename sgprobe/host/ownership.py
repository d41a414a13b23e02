"""Mutual TLS with the certificate of an eUICC: who is believed, and whom a request comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.errors import CertificateError
from sgprobe.exchange import Request


def judge_euicc(chain: tuple[bytes, ...], anchors: Iterable[Anchor], now: float) -> str:
    """Judge a client's chain by the rules of eUICCs: a general validator refuses right ones."""
    if not chain:
        return "no certificate"
    try:
        certificates = [read_certificate(der) for der in chain]
    except CertificateError as error:
        return str(error)
    report = verify(
        certificates, list(anchors), Need("euicc"), now=datetime.fromtimestamp(now, UTC)
    )
    return "" if report.ok else ", ".join(check.rule for check in report.failures)


def with_client(request: Request, caller: Any) -> Request:
    """Return a request with the EID of the client that TLS knows, where it knows one."""
    session = getattr(caller, "session", None)
    chain = session.peer_chain if session is not None else ()
    if not chain:
        return request
    try:
        shown = read_certificate(chain[0].public_bytes(Encoding.DER))
    except CertificateError:
        return request
    return replace(request, client=(shown.serial_number or "").lower())
