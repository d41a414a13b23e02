"""HTTP messages of the IFPP binding: JSON with DER in some members, reports and delivery files."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.codec import Decoded
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv
from dissectors.finding import Finding, finding
from dissectors.link.http import HttpHead
from dissectors.spec.functions import Function
from dissectors.spec.ifpp_paths import BASE, DER_MEMBERS, NOTIFIED, function_at
from dissectors.trace import codes
from dissectors.trace.json_functions import HEADER, looks_like_json, parse
from dissectors.trace.message import REQUEST, RESPONSE, Recognised

SPEC = "IFPP@0"
_DEPTH, _FINDINGS = 16, 200


def may_be(path: str) -> bool:
    """Say whether a path may be one of the binding; most are not, and this is quick."""
    return path.startswith(BASE) or path.endswith(NOTIFIED)


def request(head: HttpHead, octets: bytes) -> Recognised | None:
    """Return what a request of the binding is, or None where it is something else."""
    function = function_at(head.method, head.path)
    if function is None:
        return None
    if function.json == "tellOperator":
        # any shop may have reports; this one says what it is about
        members = parse(octets).members if looks_like_json(octets) else {}
        if HEADER not in members or "orderId" not in members:
            return None
    if not octets:
        problems: tuple[Finding, ...] = ()
        if head.method == "POST":
            problems = (finding(codes.BODY, "a request without a body"),)
        return Recognised(function, REQUEST, None, (), None, problems)
    return _body(function, REQUEST, octets, function.request)


def response(function: Function, octets: bytes) -> Recognised:
    """Return what answers a request of the binding."""
    if not octets:
        return Recognised(function, RESPONSE, None, (), None, ())
    return _body(function, RESPONSE, octets, function.response)


def _body(function: Function, kind: str, octets: bytes, name: str | None) -> Recognised:
    if looks_like_json(octets):
        parsed = parse(octets)
        if parsed.problem is not None and kind == RESPONSE and name is not None:
            # an index, or a piece of a file
            return Recognised(function, kind, None, (), None, ())
        if parsed.problem is not None:
            return Recognised(function, kind, function.json, (), None, (parsed.problem,), True)
        reader = _Reader()
        value = reader.opened("", parsed.value, "", 0)
        specs = (SPEC,) if reader.found else ()
        return Recognised(function, kind, function.json, specs, value, tuple(reader.problems), True)
    if name is not None and _is_one(octets, name):
        decoded = codec.load(SPEC).decode(name, octets)
        return Recognised(function, kind, name, (SPEC,), decoded.value, decoded.findings)
    # a piece of a file, or several packages: what is inside is read where the file is
    return Recognised(function, kind, None, (), None, ())


def _is_one(octets: bytes, name: str) -> bool:
    """Say whether octets are one element with the tag of a type."""
    loaded = codec.load(SPEC)
    try:
        element = read_tlv(octets)
    except TlvError:
        return False
    return element.end == len(octets) and element.tag in loaded.schema.first_tags(
        loaded.schema.types[name]
    )


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.found = False

    def opened(self, name: str, value: Any, path: str, depth: int) -> Value:
        """Return a value with its members opened, however deep they stand."""
        if isinstance(value, str) and name in DER_MEMBERS:
            return self._decoded(name, value, path)
        if depth >= _DEPTH:
            return value
        if isinstance(value, dict):
            return {
                key: self.opened(key, one, f"{path}.{key[:80]}".lstrip("."), depth + 1)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [
                self.opened(name, one, f"{path}[{at}]", depth + 1) for at, one in enumerate(value)
            ]
        return value

    def _decoded(self, name: str, text: str, path: str) -> Value:
        try:
            octets = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self._tell(finding(codes.JSON_MEMBER, "not base64", path))
            return text
        wanted = DER_MEMBERS[name]
        kind = next((one for one in wanted if _is_one(octets, one)), wanted[0])
        decoded: Decoded = codec.load(SPEC).decode(kind, octets)
        for one in decoded.findings:
            below = f"{path}.{one.path}" if one.path else path
            self._tell(Finding(one.code, one.severity, below, one.offset, one.text))
        self.found = True
        return octets.hex() if decoded.value is None else decoded.value

    def _tell(self, one: Finding) -> None:
        if len(self.problems) < _FINDINGS:
            self.problems.append(one)
