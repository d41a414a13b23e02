"""JSON bodies of the IFPP binding: members with DER inside become JER values, and back."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv
from dissectors.finding import Finding, finding
from dissectors.spec.ifpp_paths import DER_MEMBERS
from dissectors.trace import codes

SPEC = "IFPP@0"
_DEPTH, _FINDINGS = 16, 200


def is_one(octets: bytes, name: str) -> bool:
    """Say whether octets are one element with the tag of a type."""
    try:
        element = read_tlv(octets)
    except TlvError:
        return False
    return element.end == len(octets) and element.tag in _tags(name)


def _tags(name: str) -> tuple[bytes, ...]:
    schema = codec.load(SPEC).schema
    return schema.first_tags(schema.types[name])


class Reader:
    """Opens one body; `found` says whether there was any DER, `problems` what was wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.found = False

    def opened(self, value: Any, name: str = "", path: str = "", depth: int = 0) -> Value:
        """Return a value with its members opened, however deep they stand."""
        if isinstance(value, str) and name in DER_MEMBERS:
            return self._decoded(name, value, path)
        if depth >= _DEPTH:
            return value
        if isinstance(value, dict):
            return {
                key: self.opened(one, key, f"{path}.{key[:80]}".lstrip("."), depth + 1)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [
                self.opened(one, name, f"{path}[{at}]", depth + 1) for at, one in enumerate(value)
            ]
        return value

    def _decoded(self, name: str, text: str, path: str) -> Value:
        try:
            octets = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self._tell(finding(codes.JSON_MEMBER, "not base64", path))
            return text
        self.found = True
        wanted = DER_MEMBERS[name]
        if name == "evidence" and not is_one(octets, wanted):
            # FF43 and FF44 answer with a signed state as well
            return octets.hex()
        decoded = codec.load(SPEC).decode(wanted, octets)
        for one in decoded.findings:
            below = f"{path}.{one.path}" if one.path else path
            self._tell(Finding(one.code, one.severity, below, one.offset, one.text))
        return octets.hex() if decoded.value is None else decoded.value

    def _tell(self, one: Finding) -> None:
        if len(self.problems) < _FINDINGS:
            self.problems.append(one)


def closed(value: Any, name: str = "") -> Any:
    """Return a body as it stands in JSON: DER in base64 where the table asks for it."""
    wanted = DER_MEMBERS.get(name)
    if wanted is not None and isinstance(value, dict):
        return base64.b64encode(codec.load(SPEC).encode(wanted, value)).decode()
    if wanted is not None and isinstance(value, str):
        try:
            return base64.b64encode(bytes.fromhex(value)).decode()
        except ValueError:
            return value  # text that is no hex goes as it is, right or wrong
    if isinstance(value, dict):
        return {key: closed(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [closed(one, name) for one in value]
    return value
