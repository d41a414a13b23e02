"""Findings of TLS, DTLS and key logs: every kind once, with its severity and its reason."""

from __future__ import annotations

from dissectors.finding import Code, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

KEYLOG_BAD_LINE = Code("keylog-bad-line", _W, "a key log line is a label and two hex fields")
KEYLOG_CONFLICT = Code("keylog-conflict", _W, "one client random has one secret of each label")
KEYLOG_FULL = Code("keylog-full", _W, "more secrets than are kept")

NO_KEYS = Code("tls-no-keys", _I, "protected records without a key log line for their session")
WRONG_KEYS = Code("tls-wrong-keys", _W, "the secrets given do not open their session's records")
NO_HELLO = Code("tls-no-hello", _I, "without both hellos of a session its records stay closed")
UNSUPPORTED = Code("tls-unsupported", _I, "a version or cipher suite that is not decrypted")
RENEGOTIATION = Code("tls-renegotiation", _I, "RFC 5246 §7.4.1.1: a handshake inside a session")
EARLY_REJECTED = Code("tls-early-data-rejected", _I, "RFC 8446 §4.2.10: refused 0-RTT data")
ALERT = Code("tls-alert", _W, "RFC 5246 §7.2, RFC 8446 §6: a peer gave up or complained")
NOT_RECORDS = Code("tls-not-records", _E, "RFC 8446 §5.1: bytes that are no TLS record")
RECORD_CLOSED = Code("tls-record-closed", _E, "a record that its session's key does not open")
STOPPED = Code("tls-stopped", _W, "too many records stay closed; the rest is passed over")
BAD_INNER = Code("tls-bad-inner-type", _E, "RFC 8446 §5.4: opened record without a content type")
EARLY_TOO_LONG = Code("tls-early-data-too-long", _W, "more 0-RTT data than is kept for its answer")
CUT_RECORD = Code("tls-cut-record", _W, "the stream ends, or has a hole, inside a record")
BAD_HANDSHAKE = Code("tls-bad-handshake", _E, "RFC 8446 §4: a message with broken lengths")
HANDSHAKE_TOO_LONG = Code("tls-handshake-too-long", _W, "a handshake message longer than is kept")
UNEXPECTED = Code("tls-unexpected-record", _W, "a record its place in the session does not allow")

DTLS_NOT_RECORDS = Code("dtls-not-records", _E, "RFC 6347 §4.1: bytes that are no DTLS record")
DTLS_REPLAY = Code("dtls-replay", _I, "RFC 6347 §4.1.2.6: a record number seen before")
DTLS_STALE = Code("dtls-stale", _W, "a record number too old to tell whether it was seen before")
DTLS_FRAGMENTS = Code("dtls-fragments", _W, "RFC 6347 §4.2.3: fragments that do not make a message")
DTLS_UNKNOWN_CID = Code("dtls-unknown-cid", _I, "RFC 9146 §3: a connection ID of no known session")
DTLS_PEER_MOVED = Code("dtls-peer-moved", _I, "RFC 9146 §6: a known session from a new address")
