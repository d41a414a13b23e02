"""Memory that runs out: what is taken, what is free, and how EUICCInfo2 tells it."""

from __future__ import annotations

from dissectors.asn1.tlv import tlv
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.euicc.turn import Turn


def free(turn: Turn) -> int:
    """Return how many octets of non-volatile memory are free for profiles."""
    limits = turn.chip.config.limits
    taken = sum(one.size + limits.isdp for one in turn.draft.all(Profile))
    return max(0, limits.memory - taken)


def resource(turn: Turn) -> bytes:
    """Return extCardResource: applications, free non-volatile and volatile memory.

    ETSI TS 102 226 §8.2.1.7.2 has the three objects.
    """
    return (
        tlv("81", _number(len(turn.draft.all(Profile))))
        + tlv("82", _number(free(turn)))
        + tlv("83", _number(turn.chip.config.limits.volatile))
    )


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
