"""Knows messages by what their bytes are, with the path as a witness: the registry of interfaces.

The tables are in `dissectors/spec`; nothing here names a function. A new interface is one more
table there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1.detect import DetectError, detect
from dissectors.asn1.fits import decode_fitting
from dissectors.asn1.tlv import TlvError, read_tag, read_tlv
from dissectors.asn1.versions import SPECS, Spec
from dissectors.finding import Finding, finding
from dissectors.spec.functions import (
    ASN1_PATH,
    ES9,
    ES11,
    ESIPA,
    FUNCTIONS,
    Function,
)
from dissectors.spec.json_members import REQUEST_MARKS
from dissectors.trace import codes
from dissectors.trace.json_body import read_json
from dissectors.trace.message import REQUEST, RESPONSE, Recognised

_WRAPPER = b"\xa2"  # RemoteProfileProvisioningRequest and -Response of the ES9+ ASN.1 binding


@dataclass(frozen=True, slots=True)
class Body:
    """What a carrier hands over: the body, where it went, and the request if it is an answer."""

    kind: str
    path: str
    octets: bytes
    is_json: bool
    request: Function | None = None


@lru_cache(maxsize=1)
def _by_path() -> dict[str, Function]:
    return {function.path: function for function in reversed(FUNCTIONS) if function.path}


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


def concerns_esim(body: Body) -> bool:
    """Say whether a request is ours at all, by its path or by its bytes."""
    path = body.path
    if path == ASN1_PATH or path in _by_path():
        return True
    if body.is_json:
        return _json_function(body) is not None
    tag = first_tag(body.octets)
    if tag == _WRAPPER:
        return _wrapped_function(body) is not None
    return tag in _by_tag(body.kind, False) and _length_fits(body.octets)


def _length_fits(octets: bytes) -> bool:
    try:
        return read_tlv(octets).end <= len(octets)
    except TlvError:
        return False


def recognise(body: Body, spec: Spec | None = None) -> Recognised | None:
    """Find what a body is; None where it is none of ours."""
    if body.is_json or (body.octets[:1] == b"{" and body.path in _by_path()):
        return _recognise_json(body, spec)
    return _recognise_asn1(body, spec)


# --- JSON ---


def _json_function(body: Body) -> Function | None:
    function = _by_path().get(body.path)
    if function is not None or body.request is not None:
        return function or body.request
    members = _members(body.octets)
    last = body.path.rsplit("/", 1)[-1]
    wanted = next((name for mark, name in REQUEST_MARKS if mark in members), None)
    interface = ESIPA if "esipa" in body.path.lower() or "eidValue" in members else ES9
    for name in (last, wanted):
        for function in FUNCTIONS:
            if name and function.json == name and function.interface == interface and members:
                return function
    return None


def _members(octets: bytes) -> dict[str, object]:
    if octets[:1].lstrip()[:1] != b"{" and octets.lstrip()[:1] != b"{":
        return {}
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _recognise_json(body: Body, spec: Spec | None) -> Recognised | None:
    function = _json_function(body)
    if function is None:
        return None
    problems: list[Finding] = []
    if body.kind == REQUEST and body.path != function.path:
        problems.append(finding(codes.PATH, f"{body.path} for {function.path}"))
    if not body.octets:
        return Recognised(function, body.kind, None, (), None, tuple(problems))
    read = read_json(function, body.kind, body.octets, spec)
    if isinstance(read.value, dict) and "eventEntries" in read.value and function.interface == ES9:
        # the JSON of ES11 is found on the paths of ES9+: only its answer tells (likely)
        function = next(f for f in FUNCTIONS if f.interface == ES11 and f.name == function.name)
    problems += read.problems
    return Recognised(function, body.kind, function.json, read.specs, read.value, tuple(problems))


# --- ASN.1 ---


def _wrapped_function(body: Body) -> Function | None:
    """Return the function inside the wrapper of the ES9+ ASN.1 binding."""
    try:
        outer = read_tlv(body.octets)
        inner = body.octets[outer.body : read_tag(body.octets, outer.body, outer.end)]
    except TlvError:
        # a damaged wrapper still shows the tag inside it, a few octets on
        inner = next((t for t in _by_tag(body.kind, True) if t in body.octets[1:10]), b"")
    return _by_tag(body.kind, True).get(inner)


def _recognise_asn1(body: Body, spec: Spec | None) -> Recognised | None:
    problems: list[Finding] = []
    octets = body.octets
    if not octets:
        if body.request is None:
            return None
        return Recognised(body.request, body.kind, None, (), None, ())
    tag = first_tag(octets)
    function = body.request
    if tag == _WRAPPER:
        function = _wrapped_function(body) or function
        if function is None:
            return None
        name = "RemoteProfileProvisioningRequest"
        if body.kind == RESPONSE:
            name = "RemoteProfileProvisioningResponse"
        decoded, specs = decode_fitting(name, octets, ("SGP.22",), spec)
    else:
        if body.kind == REQUEST or function is None:
            function = _by_tag(body.kind, False).get(tag, function)
        if function is None:
            return _guess(body, spec)
        wanted = function.request if body.kind == REQUEST else function.response
        if wanted is None:
            # a function without an answer was answered
            return _answer_unasked(function, body, problems)
        decoded, specs = decode_fitting(wanted, octets, function.specs, spec)
    if body.kind == REQUEST and body.path != ASN1_PATH:
        problems.append(finding(codes.PATH, f"{body.path} for {ASN1_PATH}"))
    return Recognised(
        function, body.kind, decoded.type, specs, decoded.value, (*problems, *decoded.findings)
    )


def _answer_unasked(function: Function, body: Body, problems: list[Finding]) -> Recognised:
    text = f"{function.name} has no answer, {len(body.octets)} octets came"
    problems.append(finding(codes.BODY, text))
    return Recognised(function, body.kind, None, (), None, tuple(problems))


def _guess(body: Body, spec: Spec | None) -> Recognised | None:
    """Read a body on our path that opens with none of our tags."""
    if body.path != ASN1_PATH:
        return None
    try:
        found = detect(body.octets, None if spec is None else (spec,))
    except DetectError as error:
        unknown = Function(ESIPA, "unknown", None, None, "ipa", "eim", "")
        return Recognised(unknown, body.kind, None, (), None, (finding(codes.BODY, str(error)),))
    function = next(
        (f for f in FUNCTIONS if found.type in (f.request, f.response)),
        Function(ESIPA, "unknown", None, None, "ipa", "eim", ""),
    )
    problem = finding(codes.BODY, f"{found.type} is not sent in this direction on {ASN1_PATH}")
    findings = (problem, *found.decoded.findings)
    return Recognised(function, body.kind, found.type, found.specs, found.decoded.value, findings)
