"""Messages of the IFPP binding over HTTP: paths with members, JSON with DER inside, files."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, split
from dissectors.spec.functions import Function
from dissectors.spec.ifpp_paths import FILE, members_at, route
from dissectors.trace import ifpp_http, ifpp_json
from dissectors.trace.json_functions import HEADER
from dissectors.trace.message import RESPONSE, Recognised
from sgprobe.cases.ifpp_messages import CLASS, SPEC
from sgprobe.exchange import Request, Response
from sgprobe.factory.smdpf import VERSION_0
from sgprobe.factory.table import load_table

JSON, DER = "application/json", "application/octet-stream"
_MANIFEST, _SIGNATURE = "manifest.json", "manifest.sig"
_WHOLE = 200


def path_members(function: Function) -> tuple[str, ...]:
    """Return the members of a request that travel in its path."""
    return () if function.json == "tellOperator" else route(function.json or "")[2]


def encode(function: Function, members: dict[str, Value], *, asks: bool = True) -> bytes:
    """Return the body of a JSON request, without what its path holds, or of an answer."""
    if asks and function.json != "tellOperator" and route(function.json or "")[0] == "GET":
        return b""
    away = path_members(function) if asks else ()
    kept = {name: value for name, value in members.items() if name not in away}
    return json.dumps(ifpp_json.closed(kept), separators=(",", ":")).encode()


def request(function: Function, body: bytes, value: Value, *, is_json: bool) -> Request:
    """Return a request of the binding: its method and path are those of its function."""
    method, path, names = route(function.json or "")
    for name in names:
        path = path.replace("{" + name + "}", str(value.get(name, "")))
    media = "" if method == "GET" else JSON if is_json else DER
    return Request(path, media, body, (), method)


def read_request(asked: Request) -> Recognised | None:
    """Find what a request is; None where it is none of the binding."""
    if not ifpp_http.may_be(asked.path):
        return None
    found = ifpp_http.request(asked, asked.body)
    if found is None or asked.method != "GET":
        return found
    # what it asks for stands in its path
    return found._replace(type=found.function.json, value=members_at(asked.path), is_json=True)


def read_response(answer: Response, to: Function, path: str) -> Recognised:
    """Find what the answer to a function is; files of a delivery become members."""
    found = ifpp_http.response(to, answer.body)
    if to.json == "fetchDelivery" and answer.status == _WHOLE:
        read = _file(members_at(path).get(FILE, ""), answer.body)
        if read is not None:
            return Recognised(to, RESPONSE, to.json, (SPEC,), read, (), True)
    if not found.is_json:
        return found
    return found._replace(value=_with_classes(found.value))


def _file(name: str, body: bytes) -> Value | None:
    """Return what a file of a delivery holds; None where it is a refusal, or cannot be read."""
    if name == _MANIFEST:
        return None
    try:
        if name == _SIGNATURE:
            return _signature(json.loads(body))
        if name.endswith(".idx"):
            lines = [json.loads(line) for line in body.splitlines()]
            return None if len(lines) == 1 and HEADER in lines[0] else {"lines": lines}
        if name.endswith(".bin"):
            return {"packages": [package(octets) for octets in packages(body)]}
        if name.endswith(".pem"):
            found = x509.load_pem_x509_certificates(body)
            return {"chain": [one.public_bytes(Encoding.DER).hex() for one in found]}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return None


def _signature(value: Any) -> Value | None:
    if HEADER in value:
        return None
    shown = [base64.b64decode(one).hex() for one in value["certificates"]]
    signature = base64.b64decode(value["signature"]).hex()
    return {**value, "certificates": shown, "signature": signature}


def packages(body: bytes) -> list[bytes]:
    """Return the packages of a .bin file; raises ValueError."""
    try:
        return [body[one.start : one.end] for one in split(body)]
    except TlvError as error:
        raise ValueError(str(error)) from None


def package(octets: bytes) -> Value:
    """Return a prebound package (FF48) with its load context open."""
    loaded = codec.load(SPEC)
    value = loaded.decode("PreboundPackage", octets).value
    if not isinstance(value, dict):
        raise ValueError("no prebound package")
    context = loaded.decode("IfppLoadContextRequest", bytes.fromhex(value["loadContext"])).value
    return {**value, "loadContext": context} if context is not None else value


# --- classes of errors ---


@cache
def _classes() -> dict[str, str]:
    return {code: str(kind) for code, kind in load_table(VERSION_0).classes.items()}


def class_of(subject: str, reason: str) -> str:
    """Return the class of a refusal: what statements about SGP.41 are made on. RB-62."""
    return _classes().get(f"{subject}/{reason}", "other")


def _with_classes(value: Value) -> Value:
    """Return a value in which each code names its class."""
    if isinstance(value, list):
        return [_with_classes(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: _with_classes(one) for name, one in value.items()}
    if "subjectCode" in made and "reasonCode" in made:
        made[CLASS] = class_of(str(made["subjectCode"]), str(made["reasonCode"]))
    return made
