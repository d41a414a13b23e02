"""HTTP messages of the IFPP binding: JSON with DER in some members, reports and delivery files."""

from __future__ import annotations

from typing import Protocol

from dissectors.asn1 import codec
from dissectors.finding import Finding, finding
from dissectors.spec.functions import Function
from dissectors.spec.ifpp_paths import BASE, NOTIFIED, function_at
from dissectors.trace import codes
from dissectors.trace.ifpp_json import SPEC, Reader, is_one
from dissectors.trace.json_functions import HEADER, looks_like_json, parse
from dissectors.trace.message import REQUEST, RESPONSE, Recognised


class Head(Protocol):
    """What is to be known of a request to find its function."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def path(self) -> str:
        """The path."""


def may_be(path: str) -> bool:
    """Say whether a path may be one of the binding; most are not, and this is quick."""
    return path.startswith(BASE) or path.endswith(NOTIFIED)


def request(head: Head, octets: bytes) -> Recognised | None:
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
        reader = Reader()
        value = reader.opened(parsed.value)
        specs = (SPEC,) if reader.found else ()
        return Recognised(function, kind, function.json, specs, value, tuple(reader.problems), True)
    if name is not None and is_one(octets, name):
        decoded = codec.load(SPEC).decode(name, octets)
        return Recognised(function, kind, name, (SPEC,), decoded.value, decoded.findings)
    # a piece of a file, or several packages: what is inside is read where the file is
    return Recognised(function, kind, None, (), None, ())
