"""Key logs: the secrets of captured sessions by client random, and the sessions they resume.

The format is the one of NSS, known as SSLKEYLOGFILE: a label, the client random and a secret, in
hex. A pcapng decryption-secrets block holds the same text.
"""

from __future__ import annotations

import hashlib
import re
from binascii import unhexlify
from collections import OrderedDict

from dissectors.finding import Code, Finding, finding
from dissectors.link.tls_codes import KEYLOG_BAD_LINE, KEYLOG_CONFLICT, KEYLOG_FULL

CLIENT_RANDOM = "CLIENT_RANDOM"
CLIENT_EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
CLIENT_HANDSHAKE = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
SERVER_HANDSHAKE = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
CLIENT_TRAFFIC = "CLIENT_TRAFFIC_SECRET_0"
SERVER_TRAFFIC = "SERVER_TRAFFIC_SECRET_0"

# what each label's secret may measure: a TLS 1.2 master secret, or one hash of TLS 1.3
_LENGTHS: dict[str, tuple[int, ...]] = {
    CLIENT_RANDOM: (48,),
    CLIENT_EARLY: (32, 48),
    CLIENT_HANDSHAKE: (32, 48),
    SERVER_HANDSHAKE: (32, 48),
    CLIENT_TRAFFIC: (32, 48),
    SERVER_TRAFFIC: (32, 48),
}
_LABEL = re.compile("[A-Z][A-Z0-9_]{0,63}")
MAX_SECRETS = 4_000_000
MAX_FINDINGS = 100
MAX_RESUMABLE = 65_536


class KeyLog:
    """The secrets known so far, by label and client random."""

    __slots__ = ("_count", "_resumable", "_secrets")

    def __init__(self) -> None:
        self._secrets: dict[str, dict[bytes, bytes]] = {label: {} for label in _LENGTHS}
        self._count = 0
        self._resumable: OrderedDict[bytes, bytes] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def add_text(self, text: bytes | str) -> list[Finding]:
        """Add the lines of a key log, and return what is wrong with them, by line number.

        Comments, blank lines and labels of other protocols are passed over. What a finding says
        never holds a secret.
        """
        findings: list[Finding] = []
        bad = 0
        offset = 0
        for number, line in enumerate(_decode(text).split("\n"), 1):
            complaint = self._add_line(line)
            if complaint is not None:
                bad += 1
                if bad <= MAX_FINDINGS:
                    code, words = complaint
                    findings.append(finding(code, words, f"line {number}", offset))
                elif bad == MAX_FINDINGS + 1:
                    words = "more bad lines follow; only the first 100 are listed"
                    findings.append(finding(KEYLOG_BAD_LINE, words, f"line {number}", offset))
            offset += len(line) + 1
        return findings

    def _add_line(self, line: str) -> tuple[Code, str] | None:
        words = line.split()
        if not words or words[0].startswith("#"):
            return None
        label = words[0]
        secrets = self._secrets.get(label)
        if secrets is None:
            # labels are registered one by one: an unknown one belongs to a protocol not read here
            if len(words) > 1 and _LABEL.fullmatch(label):
                return None
            return KEYLOG_BAD_LINE, "not a key log line: it starts with no label"
        if len(words) != 3:
            return KEYLOG_BAD_LINE, f"{label} needs a client random and a secret, in hex"
        try:
            random, secret = unhexlify(words[1]), unhexlify(words[2])
        except ValueError:
            return KEYLOG_BAD_LINE, f"{label}: a field is not an even number of hex digits"
        if len(random) != 32:
            return KEYLOG_BAD_LINE, f"{label}: the client random has {len(random)} bytes, not 32"
        if len(secret) not in _LENGTHS[label]:
            allowed = " or ".join(map(str, _LENGTHS[label]))
            return KEYLOG_BAD_LINE, f"{label}: the secret has {len(secret)} bytes, not {allowed}"
        known = secrets.get(random)
        if known is None:
            if self._count >= MAX_SECRETS:
                return KEYLOG_FULL, f"more than {MAX_SECRETS} secrets; this one is left out"
            self._count += 1
        secrets[random] = secret
        if known is not None and known != secret:
            return KEYLOG_CONFLICT, f"{label} {words[1]}: a second secret; the later one is used"
        return None

    def master(self, client_random: bytes) -> bytes | None:
        """Return the TLS 1.2 or DTLS 1.2 master secret of a session."""
        return self._secrets[CLIENT_RANDOM].get(client_random)

    def secret(self, label: str, client_random: bytes) -> bytes | None:
        """Return the TLS 1.3 secret of `label`."""
        return self._secrets[label].get(client_random)

    def remember(self, identity: bytes, master: bytes) -> None:
        """Keep the master secret of a session under its session ID or ticket, for resumptions."""
        key = _short(identity)
        self._resumable[key] = master
        self._resumable.move_to_end(key)
        if len(self._resumable) > MAX_RESUMABLE:
            self._resumable.popitem(last=False)

    def recall(self, identity: bytes) -> bytes | None:
        """Return the master secret kept under a session ID or ticket."""
        return self._resumable.get(_short(identity)) if identity else None


def _short(identity: bytes) -> bytes:
    # a ticket may measure 64 KiB: what is kept of it is its hash
    return identity if len(identity) <= 32 else hashlib.sha256(identity).digest() + b"#"


def _decode(text: bytes | str) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):  # a shell redirection on Windows writes UTF-16
        return text.decode("utf-16", "replace")
    return text.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
