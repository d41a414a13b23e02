"""The confirmation code as it is kept and as it travels. SGP.22 §4.7, §5.7.5."""

from __future__ import annotations

import hashlib
import hmac


def code_hash(code: str) -> bytes:
    """Return SHA-256 of the code, which is all an SM-DP+ keeps of it."""
    return hashlib.sha256(code.encode()).digest()


def hash_cc(stored: bytes, transaction_id: bytes) -> bytes:
    """Return hashCc: SHA-256 of `code_hash` ‖ transaction id."""
    return hashlib.sha256(stored + transaction_id).digest()


def matches(stored: bytes, transaction_id: bytes, received: bytes) -> bool:
    """Say whether `received` is the hashCc of the code kept as `stored`."""
    return hmac.compare_digest(hash_cc(stored, transaction_id), received)
