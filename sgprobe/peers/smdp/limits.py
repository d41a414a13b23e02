"""How often and how long: what ends an order or a session of the SM-DP+."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one SM-DP+."""

    download_tries: int = 10
    code_tries: int = 3
    session_seconds: float = 600.0
    sessions: int = 4096
    orders: int = 100_000
    # whether a package may be bound to another one-time key of the same eUICC
    rebinding: bool = True
