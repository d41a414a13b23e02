"""What a step says of the CoAP message that carries what the bench sends."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from sgprobe.cases.match import Unresolved
from sgprobe.engine.message.fill import ABSENT
from sgprobe.engine.settings import exponent
from sgprobe.exchange import Request
from sgprobe.links.associations import Leaving
from sgprobe.links.coap_binding import METHODS
from sgprobe.links.coap_shape import REST, Shape, ShapedRequest, Which
from sgprobe.links.flight_fault import RecordFault

_OPTION = "option."
_REST = "rest"


def with_coap(asked: Request, told: dict[str, Any]) -> ShapedRequest:
    """Return a request as CoAP is to carry it; raises Unresolved."""
    shape: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    options: list[tuple[int, bytes]] = []
    for name, value in told.items():
        if name.startswith(_OPTION):
            options.append((_number(name.removeprefix(_OPTION), name), _octets(value, name)))
        elif name == "code":
            changes["method"] = _method(str(value))
        elif name == "path":
            changes["path"] = str(value)
        else:
            shape |= _shape(name, value)
    plain = {one.name: getattr(asked, one.name) for one in fields(Request)}
    made = ShapedRequest(**plain, shape=Shape(**shape, options=tuple(options)))
    return replace(made, **changes)


def _shape(name: str, value: Any) -> dict[str, Any]:
    """Return the fields of a shape for one name of the language."""
    match name:
        case "type" if value in ("CON", "NON"):
            return {"confirmable": value == "CON"}
        case "content-format" if value is ABSENT:
            return {"no_content_format": True}
        case "content-format":
            return {"content_format": _number(value, name)}
        case "block1.size":
            return {"upload_szx": exponent(_number(value, name))}
        case "block1.then-size":
            return {"later_szx": exponent(_number(value, name))}
        case "block2.size":
            return {"download_szx": exponent(_number(value, name))}
        case "block1.order":
            return {"uploads": _order(value, name)}
        case "block2.order":
            return {"downloads": tuple(_number(one, name) for one in _pieces(value))}
        case "block2.twice" if value in ("yes", "no"):
            return {"twice": value == "yes"}
        case "token":
            return {"token": _octets(value, name)}
        case "tokens" if value in ("one", "each"):
            return {"one_token": value == "one"}
        case "message-id":
            return {"message_id": _number(value, name)}
        case "copies":
            return {"copies": _number(value, name)}
        case "client" if value in (Which.OTHER, Which.INSECURE):
            return {"client": Which(value)}
        case "association" if value in tuple(Leaving):
            return {"leaving": Leaving(value)}
        case "record" if value in tuple(RecordFault):
            return {"record": RecordFault(value)}
        case "port" if value == "new":
            return {"moved": True}
        case "datagram":
            return {"datagram": _octets(value, name)}
    raise Unresolved(f"the bench cannot send coap {name} {value}")


def _method(code: str) -> str:
    """Return the method of a request code such as 0.01. RFC 7252 §12.1.1."""
    head, _, detail = code.partition(".")
    number = int(detail) if head == "0" and detail.isdigit() else 0
    if number not in METHODS:
        raise Unresolved(f"{code} is the code of no request, such as 0.01")
    return METHODS[number]


def _order(value: Any, name: str) -> tuple[int, ...]:
    return tuple(REST if one == _REST else _number(one, name) for one in _pieces(value))


def _pieces(value: Any) -> list[str]:
    return str(value).replace(",", " ").split()


def _number(value: Any, name: str) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Unresolved(f"coap {name}: {text[:40]} is no number")
    return int(text)


def _octets(value: Any, name: str) -> bytes:
    try:
        return bytes.fromhex(str(value))
    except ValueError:
        raise Unresolved(f"coap {name}: {str(value)[:40]} is no hex") from None
