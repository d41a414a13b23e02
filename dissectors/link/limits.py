"""The bounds that keep memory and time of one capture in hand, whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept, and how long a missing segment is waited for."""

    flows: int = 32_768  # open flows, TCP and UDP each
    skipped: int = 131_072  # flows known to be of no interest
    half_open: int = 32_768  # handshakes without data
    held_bytes: int = 4 << 20  # bytes behind a hole, one direction
    held_segments: int = 1024  # segments behind a hole, one direction
    held_total: int = 64 << 20  # bytes behind holes, all flows
    # An acknowledged hole was received but not captured, unless the capture is out of order:
    # so many more segments of the connection, or seconds, are given to it.
    patience_segments: int = 32
    patience_acked: float = 1.0
    # Nothing acknowledges the hole: the sender may still send the segment again.
    patience_unacked: float = 30.0
    # Frames between a reset and the end of its connection: what was in flight comes in them.
    linger_frames: int = 256
    datagrams: int = 1024  # datagrams in fragments
    fragment_bytes: int = 16 << 20
    fragment_age: float = 30.0
    fragments: int = 1024  # of one datagram
    secrets_bytes: int = 128 << 20


DEFAULT_LIMITS = Limits()
