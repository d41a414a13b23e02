"""Hides subscriber identities and key material in messages before they are printed.

A member is hidden by its name; EIDs and ICCIDs are also found by their digits wherever they stand:
in text, in hex, in base64, inside certificates and elements that no version knows. What was hidden
in a message is hidden in its problems as well, and in what is said of the capture after it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.codec import EncodeError
from dissectors.finding import Finding
from dissectors.link.apdu_message import CardMessage
from dissectors.link.coap.transfers import CoapTransfer
from dissectors.link.http import HttpMessage
from dissectors.spec.json_members import MEMBERS
from dissectors.trace.message import Carrier, Message

# members whose values are hidden, by kind; the rest of a message stays
KINDS: dict[str, frozenset[str]] = {
    "iccid": frozenset({"iccid"}),
    # a certificate of an eUICC names its EID, and its key and serial number tell it as well
    "eid": frozenset({"eidValue", "eid", "imei", "euiccCertificate"}),
    # what opens a profile or lets another fetch it; httpParams hold a login and a password
    "keys": frozenset({"ppkEnc", "ppkCmac", "initialMacChainingValue", "hashCc", "matchingId",
                       "eventId", "activationCode", "activationCodeForProfileRedownload",
                       "confirmationCode", "httpParams"}),
}  # fmt: skip

# GSMA numbers of eUICCs and telecom cards begin with 89 (SGP.29, ITU-T E.118)
_EID_TEXT = re.compile(r"(?<!\d)89\d{30}(?!\d)")
_ICCID_TEXT = re.compile(r"(?<!\d)89\d{16,18}(?!\d)")
_EID_OCTETS = re.compile(r"89\d{30}")
# nibbles swapped, 18 to 20 digits filled with F
_ICCID_OCTETS = re.compile(r"98(?:\d{18}|\d{16}f\d|\d{16}ff)")
# the same as ASCII digits, as certificates have them
_EID_ASCII = re.compile(r"3839(?:3\d){30}")
_ICCID_ASCII = re.compile(r"3839(?:3\d){16,18}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{11,}={0,2}")
# of a malformed message, octets that may be a part of anything
_LONG_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){9,}")
_REMEMBERED = 3000
_LEAST = 4


def redactor(kinds: frozenset[str]) -> Veil:
    """Return the change of a message that hides the given kinds."""
    return Veil(kinds)


class Veil:
    """Hides the given kinds, in messages and in texts; call it with a message."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds
        self._names: frozenset[str] = frozenset().union(*(KINDS[kind] for kind in kinds))
        self._secrets: dict[str, None] = {}
        texts = {"eid": _EID_TEXT, "iccid": _ICCID_TEXT}
        octets = {"eid": (_EID_OCTETS, _EID_ASCII), "iccid": (_ICCID_OCTETS, _ICCID_ASCII)}
        self._texts = [texts[kind] for kind in sorted(kinds) if kind in texts]
        self._octets = [one for kind in sorted(kinds) for one in octets.get(kind, ())]

    def __call__(self, message: Message) -> Message:
        """Return the message without what is to be hidden."""
        if not self._kinds:
            return message
        hidden: set[str] = set()
        value = self._value(message.value, message.malformed, hidden)
        if isinstance(value, str) and message.type is None:
            value = "0" * len(value)
        for one in hidden:
            self._remember(one)
        ordered = sorted(hidden, key=len, reverse=True)
        return dataclasses.replace(
            message,
            value=value,
            octets=self._again(message, value),
            problems=tuple(self._problem(problem, ordered) for problem in message.problems),
            carrier=self._carrier(message.carrier),
        )

    def text(self, text: str) -> str:
        """Return a text about the capture without what was hidden, or looks like it."""
        if not self._kinds:
            return text
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "0" * len(secret))
        return self._digits(text)

    # -- values

    def _value(self, value: Any, malformed: bool, hidden: set[str]) -> Any:
        if isinstance(value, dict):
            return {
                self._string(name, False): self._member(name, below, malformed, hidden)
                for name, below in value.items()
            }
        if isinstance(value, list):
            return [self._value(one, malformed, hidden) for one in value]
        if isinstance(value, str):
            return self._string(value, malformed)
        return value

    def _member(self, name: str, value: Any, malformed: bool, hidden: set[str]) -> Any:
        # an element that no version knows may be anything
        if name in self._names or name.startswith("?"):
            return _mask(value, hidden)
        known = MEMBERS.get(name)
        if isinstance(value, str) and malformed and known is not None and known.type is not None:
            return _mask(value, hidden)  # base64 or DER that could not be opened
        return self._value(value, malformed, hidden)

    def _string(self, text: str, malformed: bool) -> str:
        if malformed and _LONG_HEX.fullmatch(text):
            return "0" * len(text)
        if _HEX.fullmatch(text):
            return self._digits(self._hex(text))
        if len(text) >= 12 and _BASE64.fullmatch(text) and len(text) % 4 == 0:
            try:
                octets = base64.b64decode(text, validate=True).hex()
            except binascii.Error:
                octets = ""
            if octets and self._hex(octets) != octets:
                return "0" * len(text)
        return self._digits(text)

    def _hex(self, text: str) -> str:
        """Hide identities in octets that are written as hex, wherever an octet begins."""
        for pattern in self._octets:
            at = 0
            while (found := pattern.search(text, at)) is not None:
                if found.start() % 2:
                    at = found.start() + 1
                    continue
                at = found.end()
                text = text[: found.start()] + "0" * len(found[0]) + text[at:]
        return text

    def _digits(self, text: str) -> str:
        for pattern in self._texts:
            text = pattern.sub(lambda found: "0" * len(found[0]), text)
        for pattern in self._octets:
            text = pattern.sub(lambda found: "0" * len(found[0]), text)
        return text

    # -- what goes with a value

    def _problem(self, problem: Finding, hidden: list[str]) -> Finding:
        path, text = problem.path, problem.text
        for one in hidden:
            path, text = path.replace(one, "0" * len(one)), text.replace(one, "0" * len(one))
        return dataclasses.replace(problem, path=self._digits(path), text=self._digits(text))

    def _again(self, message: Message, value: Any) -> bytes:
        """Return the bytes that the changed value stands for, where they can be made."""
        if message.type is None or not message.type[:1].isupper() or message.problems:
            return b""
        try:
            return codec.load(message.spec[-1]).encode(message.type, value)
        except EncodeError:
            return b""  # such as a certificate of zeros

    def _carrier(self, carrier: Carrier | None) -> Carrier | None:
        """Keep of the carrier what forms for people need: method, code, counts."""
        if isinstance(carrier, HttpMessage):
            head = dataclasses.replace(
                carrier.head, target=self.text(carrier.head.target), headers=()
            )
            return carrier._replace(head=head, body=b"", request=None, problems=(), trailers=())
        if isinstance(carrier, CoapTransfer):
            return carrier._replace(body=b"", options=(), token=b"", request=None, findings=())
        if isinstance(carrier, CardMessage):
            return dataclasses.replace(carrier, command=b"", response=b"", chains=(), problems=())
        return None

    def _remember(self, secret: str) -> None:
        if len(secret) < _LEAST:
            return
        for form in (secret, secret.upper(), _swapped(secret)):
            if form and form not in self._secrets:
                self._secrets[form] = None
                if len(self._secrets) > _REMEMBERED:
                    del self._secrets[next(iter(self._secrets))]


def _swapped(text: str) -> str:
    """Return the digits of an ICCID that stands in hex, or "" for all else."""
    if len(text) != 20 or not text.startswith("98"):
        return ""
    return "".join(text[at + 1] + text[at] for at in range(0, 20, 2)).rstrip("f")


def _mask(value: Any, hidden: set[str]) -> Any:
    """Keep the shape of a value; hex stays hex of the same length, so that its type still fits."""
    if isinstance(value, str):
        if len(value) >= _LEAST and value.strip("0"):
            hidden.add(value)
        return "0" * len(value)
    if isinstance(value, dict):
        return {name: _mask(below, hidden) for name, below in value.items()}
    if isinstance(value, list):
        return [_mask(one, hidden) for one in value]
    return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value
