"""Knows messages by what their bytes are, with the path as a witness: the registry of interfaces.

The tables are in `dissectors/spec`; nothing here names a function. A new interface is one more
table there.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from dissectors.asn1 import codec
from dissectors.asn1.detect import DetectError, detect
from dissectors.asn1.fits import decode_fitting
from dissectors.asn1.tlv import TlvError, read_tag, read_tlv
from dissectors.asn1.versions import SPECS, Spec
from dissectors.finding import Finding, finding
from dissectors.spec.functions import ASN1_PATH, ES9, ES11, ESIPA, FUNCTIONS, Function
from dissectors.trace import codes
from dissectors.trace.json_body import read_json
from dissectors.trace.json_functions import (
    by_path,
    function_of,
    looks_like_json,
    parse,
    with_events,
)
from dissectors.trace.message import REQUEST, RESPONSE, Recognised
from dissectors.trace.sealed import departures

_WRAPPER = b"\xa2"  # RemoteProfileProvisioningRequest and -Response of the ES9+ ASN.1 binding
UNKNOWN = Function(ESIPA, "unknown", None, None, "ipa", "eim", "")


class Media(StrEnum):
    """What a carrier says of a body: one of the two bindings, or nothing that tells."""

    ASN1 = "asn1"
    JSON = "json"
    OTHER = ""


class Body(NamedTuple):
    """What a carrier hands over: the body, where it went, and the request if it is an answer."""

    kind: str
    path: str
    octets: bytes
    media: Media
    request: Function | None = None


@lru_cache(maxsize=4)
def _by_tag(kind: str, wrapped: bool) -> dict[bytes, Function]:
    """Return the functions of the HTTP and CoAP bindings by the first tag of a body."""
    interfaces = (ES11, ES9) if wrapped else (ESIPA,)
    newest = {spec.name: spec for spec in SPECS}
    found: dict[bytes, Function] = {}
    for function in FUNCTIONS:
        if function.interface not in interfaces:
            continue
        name = function.request if kind == REQUEST else function.response
        if name is None:
            continue
        spec = newest["SGP.22" if wrapped else "SGP.32"]
        tag = codec.load(spec).schema.types[name].tags[0]
        # ES9+ stands last here and wins where ES11 has the same tag
        if tag not in found or function.interface == ES9:
            found[tag] = function
    return found


def first_tag(octets: bytes) -> bytes:
    """Return the first identifier octets, or b"" where there are none."""
    try:
        return octets[: read_tag(octets, 0, min(len(octets), 8))]
    except TlvError:
        return b""


def recognise(body: Body, spec: Spec | None = None) -> Recognised | None:
    """Find what a body is, by its bytes and by where it went; None where it is none of ours.

    A body that stands alone, without a path, media type or request of ours, must be whole to be
    believed.
    """
    if not body.octets:
        return _empty(body)
    if looks_like_json(body.octets) or (body.media is Media.JSON and body.octets[:1] not in _LEADS):
        return _recognise_json(body, spec)
    return _recognise_asn1(body, spec)


# the first octets of all messages in ASN.1
_LEADS = frozenset({b"\xbf", _WRAPPER})


# --- JSON ---


def _recognise_json(body: Body, spec: Spec | None) -> Recognised | None:
    parsed = parse(body.octets)
    function = by_path().get(body.path) or body.request
    if function is None or function.json is None:
        function = function_of(body.kind, body.path, parsed.members) or function
    if function is None:
        return None
    problems: tuple[Finding, ...] = ()
    if body.kind == REQUEST and function.path is not None and body.path != function.path:
        problems = (finding(codes.PATH, f"{body.path[:120]} for {function.path}"),)
    function = with_events(function, parsed.value)
    read = read_json(function, body.kind, parsed, spec)
    problems += read.problems
    name = function.json or function.name
    return Recognised(function, body.kind, name, read.specs, read.value, problems, True)


# --- ASN.1 ---


def _recognise_asn1(body: Body, spec: Spec | None) -> Recognised | None:
    kind, path, octets, media, request = body
    tag = octets[:2] if octets[:1] == b"\xbf" and octets[1:2] < b"\x80" else first_tag(octets)
    if tag == _WRAPPER:
        return _recognise_wrapped(body, spec)
    if kind == REQUEST or request is None or request is UNKNOWN:
        function = _by_tag(kind, False).get(tag)
        ours = path == ASN1_PATH or media is Media.ASN1 or request is not None
        if function is None or not (ours or _whole(octets)):
            return _guess(body, spec)
    else:
        function = request
    wanted = function.request if kind == REQUEST else function.response
    if wanted is None:
        # a function without an answer was answered
        text = f"{function.name} has no answer, {len(octets)} octets came"
        return Recognised(function, kind, None, (), None, (finding(codes.BODY, text),))
    decoded, specs = decode_fitting(wanted, octets, function.specs, spec)
    problems = decoded.findings + departures(octets)
    if kind == REQUEST and path != ASN1_PATH:
        problems = (finding(codes.PATH, f"{path[:120]} for {ASN1_PATH}"), *problems)
    return Recognised(function, kind, decoded.type, specs, decoded.value, problems)


def _empty(body: Body) -> Recognised | None:
    """Name a body of no octets: after its request it is an answer, on our path a fault."""
    if body.request is not None:
        unanswered: tuple[Finding, ...] = ()
        if body.request.response is not None:
            unanswered = (finding(codes.EMPTY, f"{body.request.name} is answered with a message"),)
        return Recognised(body.request, body.kind, None, (), None, unanswered)
    function = by_path().get(body.path)
    if function is None and body.path != ASN1_PATH:
        return None
    problem = finding(codes.BODY, "a request without a body")
    return Recognised(function or UNKNOWN, body.kind, None, (), None, (problem,))


def _whole(octets: bytes) -> bool:
    """Say whether a body is one TLV that does not end early; more may follow it."""
    try:
        return read_tlv(octets).end <= len(octets)
    except TlvError:
        return False


def _recognise_wrapped(body: Body, spec: Spec | None) -> Recognised | None:
    """Read a body of the ASN.1 binding of ES9+ and ES11. SGP.22 §6.6."""
    function = _wrapped_function(body) or body.request
    if function is None:
        return _guess(body, spec)
    name = "RemoteProfileProvisioningRequest"
    if body.kind == RESPONSE:
        name = "RemoteProfileProvisioningResponse"
    decoded, specs = decode_fitting(name, body.octets, ("SGP.22",), spec)
    problems = decoded.findings + departures(body.octets)
    if body.kind == REQUEST and body.path != ASN1_PATH:
        problems = (finding(codes.PATH, f"{body.path[:120]} for {ASN1_PATH}"), *problems)
    return Recognised(function, body.kind, decoded.type, specs, decoded.value, problems)


def _wrapped_function(body: Body) -> Function | None:
    """Return the function inside the wrapper of the ES9+ ASN.1 binding."""
    try:
        outer = read_tlv(body.octets)
        inner = body.octets[outer.body : read_tag(body.octets, outer.body, outer.end)]
    except TlvError:
        # a damaged wrapper still shows the tag inside it, a few octets on
        inner = next((t for t in _by_tag(body.kind, True) if t in body.octets[1:10]), b"")
    return _by_tag(body.kind, True).get(inner)


def _guess(body: Body, spec: Spec | None) -> Recognised | None:
    """Read a body on our path, or of our media type, that opens with none of our tags."""
    if body.path != ASN1_PATH and body.media is not Media.ASN1:
        return None
    try:
        found = detect(body.octets, None if spec is None else (spec,))
    except DetectError as error:
        problem = finding(codes.BODY, str(error))
        return Recognised(UNKNOWN, body.kind, None, (), None, (problem,))
    function = next((f for f in FUNCTIONS if found.type in (f.request, f.response)), UNKNOWN)
    problem = finding(codes.BODY, f"{found.type} is not sent in this direction here")
    findings = (problem, *found.decoded.findings)
    return Recognised(function, body.kind, found.type, found.specs, found.decoded.value, findings)
