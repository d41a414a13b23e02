"""Messages as bytes: what a step says is encoded for its binding, what comes is recognised."""

from __future__ import annotations

import base64
import json
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, tlv
from dissectors.asn1.versions import Spec, parse_spec
from dissectors.asn1.writer import EncodeError
from dissectors.spec.functions import (
    ASN1_MEDIA,
    ASN1_PATH,
    ES9,
    ES11,
    ESIPA,
    FUNCTIONS,
    IFPP,
    JSON_MEDIA,
    JSON_PREFIX,
    Function,
)
from dissectors.spec.json_members import MEMBERS
from dissectors.trace.message import REQUEST, RESPONSE, Recognised
from dissectors.trace.recognise import Body, Media, recognise
from sgprobe.cases.messages import Message, beside
from sgprobe.engine.message import ifpp_wire
from sgprobe.exchange import Request, Response

# SGP.22 §6.6: around the messages of the ASN.1 binding of the RSP servers
_WRAPPER = "A2"
_PROTOCOL_HEADER = "X-Admin-Protocol"
_SERVERS = frozenset({ES9, ES11})
# SGP.22 §6.5.2: members that are hex digits, in capitals
_HEX = frozenset({"transactionId", "eimTransactionId", "eidValue"})


def version_of(spec: Spec, function: Function, *, is_json: bool) -> Spec:
    """Return the version that a message is built with: SGP.22 on the side of SM-DP+ and SM-DS."""
    spec = beside(spec, function)
    rsp = function.interface != ESIPA and "SGP.22" in function.specs
    on_servers = function.interface in _SERVERS or is_json
    return parse_spec(spec.imports) if rsp and on_servers and spec.imports else spec


def rsp_of(spec: Spec) -> Spec:
    """Return the version of SGP.22 beside a version of SGP.32."""
    return parse_spec(spec.imports) if spec.imports else spec


def encode(message: Message, spec: Spec, value: Value) -> bytes:
    """Return the body of a message; EncodeError says what cannot be encoded."""
    version = version_of(spec, message.function, is_json=message.json)
    if message.json and message.function.interface in IFPP:
        return ifpp_wire.encode(message.function, value, asks=message.request)
    if message.json:
        return encode_json(version, value)
    assert message.type_name is not None
    body = codec.load(version).encode(message.type_name, value)
    return tlv(_WRAPPER, body) if message.function.interface in _SERVERS else body


def encode_json(spec: Spec, members: dict[str, Value]) -> bytes:
    """Return a JSON body: members whose content is DER are encoded and put in base64."""
    loaded = codec.load(spec)
    written: dict[str, Any] = {}
    for name, value in members.items():
        member = MEMBERS.get(name)
        if member is None or not isinstance(value, str | dict | list):
            written[name] = value.upper() if name in _HEX and isinstance(value, str) else value
            continue
        if member.type is not None and member.type != "Certificate":
            octets = loaded.encode(member.type, value)
        else:
            octets = _octets(name, value)
            octets = octets if member.tag is None else tlv(member.tag, octets)
        written[name] = base64.b64encode(octets).decode()
    return json.dumps(written, separators=(",", ":")).encode()


def _octets(name: str, value: Value) -> bytes:
    try:
        return bytes.fromhex(str(value))
    except ValueError:
        raise EncodeError(name, f"{str(value)[:40]!r} is no hex") from None


def request(message: Message, body: bytes, rsp: str, value: Value = None) -> Request:
    """Return a request as the binding carries it; members of `value` may stand in its path."""
    if message.function.interface in IFPP:
        return ifpp_wire.request(message.function, body, value, is_json=message.json)
    headers = (("User-Agent", "gsma-rsp-ipad"), (_PROTOCOL_HEADER, f"gsma/rsp/v{rsp}"))
    path = ASN1_PATH
    if message.json:
        prefix = JSON_PREFIX.get(message.function.interface) or JSON_PREFIX[ES9]
        path = f"{prefix}{message.function.json}"
    return Request(path, _media(message, asks=True), body, headers)


def response(message: Message, body: bytes, rsp: str) -> Response:
    """Return an answer as the binding carries it."""
    headers = ((_PROTOCOL_HEADER, f"gsma/rsp/v{rsp}"),)
    return Response(200, _media(message, asks=False), body, headers)


def _media(message: Message, *, asks: bool) -> str:
    if not message.json:
        return ASN1_MEDIA
    return f"{JSON_MEDIA};charset=UTF-8" if asks else JSON_MEDIA


def read_request(asked: Request, spec: Spec | None) -> Recognised | None:
    """Find what a request is."""
    factory = ifpp_wire.read_request(asked)
    if factory is not None:
        return factory
    body = Body(REQUEST, asked.path, asked.body, _kind(asked.media))
    return _plain(_recognised(body, spec), asked.body)


def at_server(role: str, found: Recognised | None) -> Recognised | None:
    """Return what a server was asked: an SM-DS is asked with the paths and messages of ES9+."""
    if found is None or role != "smds" or found.function.interface != ES9:
        return found
    name = found.function.name
    same = (one for one in FUNCTIONS if one.interface == ES11 and one.name == name)
    return found._replace(function=next(same, found.function))


def read_response(answer: Response, to: Function, path: str, spec: Spec) -> Recognised | None:
    """Find what the answer to a function is; text for people, such as of CoAP errors, is none."""
    if to.interface in IFPP:
        return ifpp_wire.read_response(answer, to, path)
    if answer.media.startswith("text/plain"):
        return None
    body = Body(RESPONSE, path, answer.body, _kind(answer.media), to)
    return _plain(_recognised(body, spec), answer.body)


def _recognised(body: Body, spec: Spec | None) -> Recognised | None:
    try:
        return recognise(body, spec)
    except KeyError:
        # a message that this version does not have: it is heard as what it is elsewhere
        return recognise(body, None)


def _kind(media: str) -> Media:
    lowered = media.lower()
    if lowered.startswith(ASN1_MEDIA):
        return Media.ASN1
    return Media.JSON if lowered.startswith(JSON_MEDIA) else Media.OTHER


def _plain(found: Recognised | None, body: bytes) -> Recognised | None:
    """Return a message without the wrapper that the servers' ASN.1 binding puts around it."""
    if found is not None and found.is_json:
        return found._replace(value=_certificates_as_octets(found.value, body))
    if found is None or found.function.interface not in _SERVERS:
        return found
    name = found.function.request if found.kind == REQUEST else found.function.response
    value = found.value
    if isinstance(value, dict) and len(value) == 1 and found.type != name:
        return found._replace(type=name, value=next(iter(value.values())))
    return found


def _certificates_as_octets(value: Value, body: bytes) -> Value:
    """Return the members of a JSON body with its certificates as ASN.1 messages have them: hex."""
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for name, inside in value.items():
        member = MEMBERS.get(name)
        if member is not None and member.type == "Certificate" and isinstance(inside, dict):
            octets = member_octets(body, name)
            made[name] = octets.hex() if octets is not None else inside
    return made


def bare(octets: bytes, function: Function, *, is_json: bool) -> bytes:
    """Return the message inside a body, without the wrapper of the servers' ASN.1 binding."""
    if is_json or function.interface not in _SERVERS:
        return octets
    try:
        outer = read_tlv(octets)
    except TlvError:
        return octets
    return octets[outer.body : outer.end] if outer.tag == bytes.fromhex(_WRAPPER) else octets


def member_octets(body: bytes, name: str) -> bytes | None:
    """Return the octets that a member of a JSON body holds in base64."""
    return base64_octets(json_members(body).get(name))


def json_members(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON body; none where it is no object, or nested too deep."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def base64_octets(text: object) -> bytes | None:
    """Return what a text holds in base64."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        return None
