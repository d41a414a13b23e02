"""What card commands tell of the enabled profile: its numbers, its answers, and who changes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from dissectors.asn1.tlv import TlvError, read_tlv, split
from dissectors.link.apdu_message import CardKind, CardMessage
from sgprobe.judge.chip import iccid_of

_FETCH, _ENVELOPE, _AUTHENTICATE = 0x12, 0xC2, 0x88
_SELECT, _READ, _UPDATE = 0xA4, 0xB0, 0xD6
_ICCID, _IMSI = "2fe2", "6f07"
# short identifiers of both. TS 102 221 §13, TS 31.102 §4.2
_SHORT_ICCID, _SHORT_IMSI = 0x82, 0x87
_SMS_PP = b"\xd1"
_REFRESH = 0x01
_RES = 0xDB


class What(StrEnum):
    """What a step shows."""

    ICCID = "the ICCID is read"
    IMSI = "the IMSI is read"
    ANSWER = "the USIM authenticates"
    NO_ANSWER = "no USIM authenticates"
    SWAP = "the IMSI is written"
    OTA = "an SMS with OTA data comes in"
    REFRESH = "the card asks for a refresh"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens between modem and card, and which profile it happened with."""

    time: float
    what: What
    value: str = ""
    iccid: str = ""
    imsi: str = ""
    # of AUTHENTICATE: the challenge, and the answer to it
    challenge: bytes = field(default=b"", repr=False)
    response: bytes = field(default=b"", repr=False)


def steps(cards: Iterable[CardMessage]) -> Iterator[Step]:
    """Walk card commands and tell what matters of them."""
    files: dict[int, str] = {}
    iccid = imsi = ""
    for card in cards:
        done = card.sw == 0x9000 or card.sw >> 8 in (0x61, 0x91)
        if card.kind not in (CardKind.SELECT, CardKind.OTHER) or len(card.header) < 4:
            continue
        instruction, p1 = card.header[1], card.header[2]
        if instruction == _SELECT and done:
            by_file = p1 in (0x00, 0x08, 0x09)
            files[card.channel] = card.command[-2:].hex() if by_file else ""
            continue
        file = {_SHORT_ICCID: _ICCID, _SHORT_IMSI: _IMSI}.get(p1, files.get(card.channel, ""))
        time = card.time
        if instruction == _READ and done and file == _ICCID:
            iccid = iccid_of(card.response.hex())
            # another profile may be enabled by now
            imsi = ""
            yield Step(time, What.ICCID, iccid, iccid, imsi)
        elif instruction == _READ and done and file == _IMSI:
            imsi = imsi_of(card.response)
            yield Step(time, What.IMSI, imsi, iccid, imsi)
        elif instruction == _UPDATE and done and file == _IMSI:
            yield Step(time, What.SWAP, "", iccid, imsi)
        elif instruction == _ENVELOPE and card.command[:1] == _SMS_PP:
            yield Step(time, What.OTA, "", iccid, imsi)
        elif instruction == _FETCH and _is_refresh(card.response):
            yield Step(time, What.REFRESH, "", iccid, imsi)
        elif instruction == _AUTHENTICATE:
            answered = done and card.response[:1] == bytes([_RES])
            what = What.ANSWER if answered else What.NO_ANSWER
            res = card.response[2 : 2 + card.response[1]] if len(card.response) > 1 else b""
            value = f"{card.sw:04X}"
            yield Step(time, what, value, iccid, imsi, card.command, res if answered else b"")


def imsi_of(octets: bytes) -> str:
    """Return the IMSI of an EF IMSI. 3GPP TS 31.102 §4.2.2."""
    body = octets[1 : 1 + octets[0]] if octets else b""
    digits = "".join(f"{one & 0x0F:x}{one >> 4:x}" for one in body)[1:].rstrip("f")
    return digits if digits.isdecimal() else ""


def _is_refresh(octets: bytes) -> bool:
    """Say whether a proactive command is REFRESH. ETSI TS 102 223 §6.6.13."""
    try:
        outer = read_tlv(octets)
        if outer.tag != b"\xd0":
            return False
        for one in split(octets, outer.body, outer.end):
            if one.tag in (b"\x81", b"\x01"):
                return one.end - one.body == 3 and octets[one.body + 1] == _REFRESH
    except TlvError:
        return False
    return False
