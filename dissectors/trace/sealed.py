"""Signatures and protected segments: what they keep to beyond their ASN.1, told as departures."""

from __future__ import annotations

from dissectors.asn1.tlv import TlvError, read_tlv, split
from dissectors.finding import Finding, finding
from dissectors.trace import codes

_PACKAGE = b"\xbf\x36"
# sequences of 87, 88, 87 and 86 inside a bound profile package. SGP.22 §2.5.4
_SEQUENCES = frozenset({b"\xa0", b"\xa1", b"\xa2", b"\xa3"})
_MOST_OCTETS = 1020
_MOST_FINDINGS = 8
_TWICE = b"\x5f\x37\x43\x5f\x37\x40"


def departures(octets: bytes) -> tuple[Finding, ...]:
    """List what departs in a message; most messages hold neither of what is looked for."""
    found: tuple[Finding, ...] = ()
    if _TWICE in octets:
        text = "a signature with tag and length of its own inside 5F37: 5F37 43 5F37 40"
        found = (finding(codes.SIGNATURE, text, "", octets.index(_TWICE)),)
    if _PACKAGE in octets:
        found += tuple(_long_segments(octets, octets.index(_PACKAGE)))
    return found


def _long_segments(octets: bytes, start: int) -> list[Finding]:
    found: list[Finding] = []
    try:
        package = read_tlv(octets, start)
        for part in split(octets, package.body, package.end):
            if part.tag in _SEQUENCES:
                found += [
                    _too_long(one.end - one.start, one.start)
                    for one in split(octets, part.body, part.end)
                    if one.end - one.start > _MOST_OCTETS
                ]
    except TlvError:
        pass  # the decoder has said what is wrong there
    return found[:_MOST_FINDINGS]


def _too_long(size: int, offset: int) -> Finding:
    text = f"a segment of {size} octets, {_MOST_OCTETS} at most"
    return finding(codes.SEGMENT, text, "", offset)
