"""What is known of one TLS or DTLS session, with or without its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dissectors.link.stream import Flow
from dissectors.link.tls_handshake import (
    ClientHello,
    Extension,
    ServerHello,
    group_name,
    version_name,
)
from dissectors.link.tls_suites import suite_name

Protocol = Literal["tls", "dtls"]
Decryption = Literal["none needed", "complete", "partial", "none"]
Resumption = Literal["", "session id", "ticket", "psk"]
EarlyData = Literal["", "offered", "accepted", "rejected"]

# IANA "TLS Alerts"
_ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
CLOSE_NOTIFY = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; an encrypted one that stays closed has neither level nor description."""

    side: int
    level: int | None
    description: int | None
    encrypted: bool
    frames: tuple[int, ...]

    @property
    def fatal(self) -> bool:
        """Tell whether the sender gave the session up."""
        return self.level == 2

    def __str__(self) -> str:
        if self.description is None:
            return "encrypted alert"
        return f"{self.name} ({'fatal' if self.fatal else 'warning'})"

    @property
    def name(self) -> str:
        """Return the name of its description; "" of one that stays closed."""
        if self.description is None:
            return ""
        return _ALERTS.get(self.description) or f"alert {self.description}"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One handshake on one flow: what was offered, chosen and seen, and what would open it."""

    flow: Flow
    number: int  # of the handshake on its flow, from 1
    protocol: Protocol
    first_frame: int
    last_frame: int  # of the handshake
    time: float
    client: ClientHello | None  # None where it was not captured
    server: ServerHello | None
    alpn: str  # the protocol chosen
    group: int  # the key exchange group chosen, or 0
    resumption: Resumption
    early_data: EarlyData
    psk_identity: bytes
    connection_ids: tuple[bytes, bytes] | None  # as the client's and the server's records carry
    certificates: tuple[tuple[bytes, ...], tuple[bytes, ...]]  # DER, of client and server
    alerts: tuple[Alert, ...]
    opened: int  # protected records that were opened
    closed: int  # protected records that stayed closed
    retransmissions: int  # DTLS handshake fragments that came again
    moved_to: tuple[Flow, ...]  # flows that joined by connection ID
    needed: tuple[str, ...]  # key log lines that would open what stayed closed, without secrets
    reason: str  # why records stayed closed
    flip: int = 0  # 1 where the flow's opener is the server
    server_key: bytes = b""  # the server's half of an ephemeral key exchange

    @property
    def client_random(self) -> bytes:
        """Return the name of the session in a key log."""
        return self.client.random if self.client else b""

    @property
    def server_name(self) -> str:
        """Return the name that the client asked for (SNI)."""
        return self.client.server_name if self.client else ""

    @property
    def version(self) -> int:
        """Return the version chosen, or 0."""
        return self.server.version if self.server else 0

    @property
    def suite(self) -> int | None:
        """Return the cipher suite chosen."""
        return self.server.suite if self.server else None

    @property
    def extended_master_secret(self) -> bool:
        """Tell whether RFC 7627 was agreed."""
        return self._agreed(Extension.EXTENDED_MASTER_SECRET)

    @property
    def encrypt_then_mac(self) -> bool:
        """Tell whether RFC 7366 was agreed."""
        return self._agreed(Extension.ENCRYPT_THEN_MAC)

    def _agreed(self, extension: int) -> bool:
        return self.server is not None and extension in self.server.extensions

    @property
    def decryption(self) -> Decryption:
        """Say how much of what was protected has been opened."""
        if not self.closed:
            return "complete" if self.opened else "none needed"
        return "partial" if self.opened else "none"

    def as_dict(self) -> dict[str, object]:
        """Return the session by names, for a report."""
        client = self.client
        asks, answers = self.flow.ends(self.flip)
        return {
            "flow": self.flow.number,
            "client": str(asks),
            "server": str(answers),
            "session": self.number,
            "protocol": self.protocol,
            "frames": [self.first_frame, self.last_frame],
            "time": self.time,
            "clientRandom": self.client_random.hex(),
            "serverName": self.server_name,
            "alpnOffered": list(client.alpn) if client else [],
            "alpn": self.alpn,
            "versionsOffered": [version_name(v) for v in client.versions] if client else [],
            "version": version_name(self.version) if self.version else "",
            "suitesOffered": [suite_name(s) for s in client.suites] if client else [],
            "suite": suite_name(self.suite) if self.suite is not None else "",
            "groupsOffered": [group_name(g) for g in client.groups] if client else [],
            "group": group_name(self.group) if self.group else "",
            "extendedMasterSecret": self.extended_master_secret,
            "encryptThenMac": self.encrypt_then_mac,
            "resumption": self.resumption,
            "earlyData": self.early_data,
            "pskIdentity": self.psk_identity.decode("utf-8", "backslashreplace"),
            "connectionIds": [cid.hex() for cid in self.connection_ids or ()],
            "certificates": [[der.hex() for der in chain] for chain in self.certificates],
            "alerts": [f"{('client', 'server')[a.side]}: {a}" for a in self.alerts],
            "decryption": self.decryption,
            "needed": list(self.needed),
            "reason": self.reason,
        }
