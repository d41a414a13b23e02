"""Opens the JSON bindings: members with DER inside become JER values, all else stays JSON."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

from dissectors.asn1.codec import Decoded
from dissectors.asn1.fits import decode_fitting, weigh
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv
from dissectors.asn1.versions import Spec
from dissectors.finding import Finding, finding
from dissectors.spec.functions import ESIPA, IFPP, Function
from dissectors.spec.json_members import MEMBERS, Member
from dissectors.trace import codes, ifpp_json
from dissectors.trace.json_functions import HEADER, Parsed
from dissectors.trace.message import RESPONSE
from dissectors.trace.sealed import departures

_IOT = ("SGP.32",)
_DEPTH = 16
_FINDINGS = 200


class JsonBody(NamedTuple):
    """A body with its members opened; `specs` are the versions that all of them fit."""

    value: Value
    specs: tuple[str, ...]
    problems: tuple[Finding, ...]


def read_json(function: Function, kind: str, parsed: Parsed, spec: Spec | None) -> JsonBody:
    """Open one body; what cannot be opened stays as it came, with a problem."""
    value = parsed.value
    if parsed.problem is not None:
        return JsonBody(None, (), (parsed.problem,))
    if not isinstance(value, dict):
        text = f"a body is an object, not {type(value).__name__}"
        return JsonBody(value, (), (finding(codes.JSON, text),))
    if function.interface in IFPP:
        own = ifpp_json.Reader()
        opened = own.opened(value)
        return JsonBody(opened, (ifpp_json.SPEC,) if own.found else (), tuple(own.problems))
    names = _IOT if function.interface == ESIPA else ("SGP.22",)
    reader = _Reader(names, spec)
    opened = reader.members(value, "", 0)
    problems = reader.problems
    if kind == RESPONSE and function.response is not None and HEADER not in value:
        problems.append(finding(codes.JSON_HEADER, "header.functionExecutionStatus is missing"))
    return JsonBody(opened, reader.specs or (), tuple(problems))


class _Reader:
    def __init__(self, names: tuple[str, ...], spec: Spec | None) -> None:
        self._names = names
        self._spec = spec
        self.problems: list[Finding] = []
        self.specs: tuple[str, ...] | None = None

    def members(self, members: dict[str, Any], path: str, depth: int) -> dict[str, Value]:
        """Open the members of one object."""
        opened: dict[str, Value] = {}
        for name, value in members.items():
            below = f"{path}.{name[:80]}" if path else name[:80]
            member = MEMBERS.get(name)
            if member is not None and isinstance(value, str):
                opened[name] = self._open(member, value, below)
            elif isinstance(value, dict) and depth < _DEPTH:
                opened[name] = self.members(value, below, depth + 1)
            else:
                opened[name] = value
        return opened

    def _fail(self, path: str, text: str, value: str) -> str:
        if len(self.problems) < _FINDINGS:
            self.problems.append(finding(codes.JSON_MEMBER, text, path))
        return value

    def _open(self, member: Member, text: str, path: str) -> Value:
        try:
            octets = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return self._fail(path, "not base64", text)
        if member.type is not None:
            return self._decode(member.type, octets, path)
        if member.tag is None:
            return octets.hex()
        try:
            element = read_tlv(octets)
        except TlvError as error:
            return self._fail(path, f"not one TLV: {error}", octets.hex())
        if element.tag != member.tag or element.end != len(octets):
            expected = member.tag.hex().upper()
            return self._fail(path, f"expected the TLV {expected}", octets.hex())
        return octets[element.body :].hex()

    def _fit(self, name: str, octets: bytes) -> tuple[Decoded, tuple[str, ...]]:
        decoded, specs = decode_fitting(name, octets, self._names, self._spec)
        if decoded.findings and self._names != _IOT and self._spec is None:
            # What an IoT eUICC signed goes to the SM-DP+ as it is: its EUICCInfo2 has elements
            # that SGP.22 does not know. SGP.32 §5.9.2
            try:
                other, theirs = decode_fitting(name, octets, _IOT)
            except KeyError:
                return decoded, specs
            if weigh(other) < weigh(decoded):
                return other, theirs
        return decoded, specs

    def _decode(self, name: str, octets: bytes, path: str) -> Value:
        try:
            decoded, specs = self._fit(name, octets)
        except KeyError:
            return self._fail(path, f"{name} is not known in this version", octets.hex())
        findings = decoded.findings + departures(octets)
        for one in findings[: _FINDINGS - len(self.problems)]:
            below = f"{path}.{one.path}" if one.path else path
            self.problems.append(Finding(one.code, one.severity, below, one.offset, one.text))
        if name != "Certificate":
            known = self.specs
            self.specs = specs if known is None else tuple(s for s in known if s in specs)
        return decoded.value if decoded.value is not None else octets.hex()
