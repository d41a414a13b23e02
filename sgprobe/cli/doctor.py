"""Look whether this machine has what the bench needs, and which settings hold.

sgprobe doctor
sgprobe doctor --json
"""

from __future__ import annotations

import argparse
import importlib.metadata as metadata
import json
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sgprobe

GOOD, MISSING, WRONG = "ok", "missing", "wrong"
_PACKAGES = ("cryptography", "pyOpenSSL", "h11", "h2", "pyyaml", "scapy", "asn1tools", "pytest",
             "pytest-xdist", "allure-pytest")  # fmt: skip
# what is nice to have: program, what for
_PROGRAMS = (
    ("tshark", "a second opinion on captures"),
    ("coap-client-openssl", "a second opinion on CoAP and DTLS"),
    ("pcscd", "cards in a reader, or a virtual card"),
)
_SOON = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: str
    text: str
    hint: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe doctor`."""
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe doctor`."""
    found = list(findings())
    if arguments.json:
        print(json.dumps([{"what": one.what, "state": one.state, "text": one.text,
                           "hint": one.hint} for one in found], indent=1))  # fmt: skip
    else:
        for one in found:
            print(f"{one.state:<8}{one.what:<21}{one.text}")
            if one.hint:
                print(f"{'':<8}{'':<21}{one.hint}")
    return 1 if any(one.state == WRONG for one in found) else 0


def findings() -> Iterator[Finding]:
    """Yield what there is to say of this machine."""
    yield Finding("sgprobe", GOOD, f"{sgprobe.__version__} in {Path(sgprobe.__file__).parent}")
    version = platform.python_version()
    new = sys.version_info >= (3, 11)
    hint = "" if new else "Python 3.11 or later is needed"
    yield Finding("python", GOOD if new else WRONG, version, hint)
    yield from _packages()
    yield from _tls()
    yield _certificates()
    yield _loopback()
    yield _clock()
    yield _cache()
    yield from _programs()
    yield _reader()
    for name in sorted(name for name in os.environ if name.startswith("SGPROBE_")):
        yield Finding(name, GOOD, "set in the environment")


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(name, GOOD, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, WRONG, "not installed", f"pip install {name}")


def _tls() -> Iterator[Finding]:
    from sgprobe.links.dtls import CIPHERS
    from sgprobe.links.tls import library

    yield Finding("TLS library", GOOD, library())

    yield Finding("DTLS 1.2", GOOD, f"{CIPHERS.count(':') + 1} suites; connection ids with one")
    from sgprobe.crypto.ifpp_keys import Suite, unavailable

    for suite in Suite:
        why = unavailable(suite)
        yield Finding(f"SGP.41 {suite.name.lower()}", MISSING if why else GOOD, why or "there")


def _certificates() -> Finding:
    from sgprobe.crypto.pki import TestPki

    try:
        now = datetime.now(UTC)
        ends = min(one.get(name).certificate.not_after for one in TestPki.load()
                   for name in ("ci", "eim-tls", "dptls", "dstls"))  # fmt: skip
    except (OSError, ValueError) as error:
        return Finding("test PKI", WRONG, str(error), "`sgprobe pki make` makes another")
    left = (ends - now).total_seconds()
    state = GOOD if left > _SOON else WRONG
    hint = "" if state == GOOD else "`sgprobe pki make` makes another"
    return Finding("test PKI", state, f"valid until {ends:%Y-%m-%d}", hint)


def _loopback() -> Finding:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as one:
                one.bind(("127.0.0.1", 0))
    except OSError as error:
        return Finding("loopback", WRONG, f"no port on 127.0.0.1: {error.strerror}")
    return Finding("loopback", GOOD, "TCP and UDP ports on 127.0.0.1")


def _clock() -> Finding:
    # a build of this program cannot be younger than the machine's clock
    made = Path(sgprobe.__file__).stat().st_mtime
    if time.time() < made - 86_400:
        text = f"{datetime.now(UTC):%Y-%m-%d}: before sgprobe was installed"
        hint = "certificates will look as if not yet valid: set the clock"
        return Finding("clock", WRONG, text, hint)
    return Finding("clock", GOOD, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def _cache() -> Finding:
    from dissectors.asn1.cache import cache_folder

    path = cache_folder()
    return Finding("cache", GOOD, f"{path}" + ("" if path.is_dir() else ", made at first use"))


def _programs() -> Iterator[Finding]:
    for name, what in _PROGRAMS:
        place = shutil.which(name)
        yield Finding(name, GOOD if place else MISSING, place or f"not there; {what}")


def _reader() -> Finding:
    try:
        from smartcard.System import readers

        found = [str(one) for one in readers()]
    except ImportError:
        return Finding("PC/SC", MISSING, "pyscard is not installed", "pip install 'sgprobe[card]'")
    except Exception as error:  # pyscard's own exceptions have no common base
        return Finding("PC/SC", MISSING, f"{error}"[:120], "start pcscd")
    return Finding("PC/SC", GOOD, ", ".join(found) or "no reader")
