"""The operator interface as HTTP: one table of routes, each a function of the desk.

It has no way to say who asks: a host that serves it beyond its own machine puts something before
it that does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sgprobe.peers.effects import Request, Response
from sgprobe.peers.eim import shown
from sgprobe.peers.eim.forms import OrderError, from_members
from sgprobe.peers.eim.records import Device
from sgprobe.peers.eim.server import Eim

PREFIX = "/operator"
MEDIA = "application/json"
MAX_BODY = 1 << 18
MAX_OPERATIONS = 32
MAX_PAIRS = 4
# of a listing: the newest
MAX_LISTED = 1000
_MAX_SECONDS = 10 * 365 * 86_400

Members = dict[str, Any]
# what the path names, the body, and the time
Handler = Callable[[Eim, dict[str, str], Members, float], tuple[int, Any]]


class NotFound(Exception):
    """The path names nothing that is there."""


@dataclass(frozen=True, slots=True)
class Route:
    """One function: its method and path, what it takes and gives (names of schemas), a sentence."""

    method: str
    path: str
    name: str
    text: str
    handler: Handler
    gives: str
    takes: str = ""
    status: int = 200

    def match(self, path: str) -> dict[str, str] | None:
        """Return what a path names, None where it is not this route's."""
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        named = {}
        for part, text in zip(wanted, given, strict=True):
            if part.startswith("{"):
                if not text:
                    return None
                named[part.strip("{}")] = text
            elif part != text:
                return None
        return named


def _devices(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    return 200, [shown.device(one) for one in eim.devices()[:MAX_LISTED]]


def _find(eim: Eim, eid: str) -> Device:
    device = eim.device(eid)
    if device is None:
        raise NotFound(f"EID {eid[:40]} is not managed by this eIM")
    return device


def _device(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    device = _find(eim, named["eid"])
    return 200, {**shown.device(device), "facts": shown.facts(eim.facts(device.eid))}


def _enrol(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    _only(body, {"certificates", "counter", "token", "key"})
    pairs = body.get("certificates", [])
    if not isinstance(pairs, list) or len(pairs) > MAX_PAIRS:
        raise OrderError(f"certificates is no list of at most {MAX_PAIRS} pairs")
    key = body.get("key")
    if key is not None and not isinstance(key, str):
        raise OrderError("key is no text")
    device = eim.enrol(
        named["eid"],
        certificates=[_pair(one) for one in pairs],
        counter=_integer(body, "counter"),
        token=_integer(body, "token"),
        key=key,
    )
    return 200, shown.device(device)


def _pair(members: Any) -> tuple[bytes, bytes]:
    if not isinstance(members, dict):
        raise OrderError("certificates holds objects with euicc and eum")
    _only(members, {"euicc", "eum"})
    try:
        return bytes.fromhex(members["euicc"]), bytes.fromhex(members["eum"])
    except (KeyError, TypeError, ValueError):
        raise OrderError("certificates: euicc and eum are certificates in hex") from None


def _orders(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    if "eid" in named:
        _find(eim, named["eid"])
    return 200, [shown.order(one) for one in eim.orders(named.get("eid"))[-MAX_LISTED:]]


def _order(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    _find(eim, named["eid"])
    _only(body, {"operations", "expires-in"})
    listed = body.get("operations")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_OPERATIONS:
        raise OrderError(f"operations is a list of 1 to {MAX_OPERATIONS} objects")
    seconds = _integer(body, "expires-in")
    operations = [from_members(one, f"operations[{place}]") for place, one in enumerate(listed)]
    expires = None if seconds is None else now + seconds
    order = eim.order(named["eid"], *operations, now=now, expires=expires)
    return 201, shown.order(order)


def _outcome(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    try:
        return 200, shown.order(eim.outcome(named["order"]))
    except OrderError as error:
        raise NotFound(str(error)) from None


def _cancel(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    _outcome(eim, named, body, now)
    try:
        return 200, shown.order(eim.cancel(named["order"]))
    except OrderError as error:
        return 409, {"error": str(error)}


def _association(eim: Eim, named: dict[str, str], body: Members, now: float) -> tuple[int, Any]:
    return 200, shown.association(eim.setup)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/operator/association", "association",
          "What an eUICC must know of this eIM.", _association, "Association"),
    Route("GET", "/operator/devices", "listDevices",
          "All eUICCs that this eIM manages.", _devices, "Devices"),
    Route("GET", "/operator/devices/{eid}", "getDevice",
          "One eUICC, as the eIM believes it to be.", _device, "Device"),
    Route("PUT", "/operator/devices/{eid}", "enrolDevice",
          "Manage an eUICC, or correct what is known of its association.", _enrol, "Device",
          "Enrolment"),
    Route("GET", "/operator/devices/{eid}/orders", "listOrdersOfDevice",
          "The orders for one eUICC, the oldest first.", _orders, "Orders"),
    Route("POST", "/operator/devices/{eid}/orders", "order",
          "Queue one package of operations for an eUICC.", _order, "Order", "NewOrder", 201),
    Route("GET", "/operator/orders", "listOrders",
          "All orders, the oldest first.", _orders, "Orders"),
    Route("GET", "/operator/orders/{order}", "getOrder",
          "One order, and what became of it.", _outcome, "Order"),
    Route("DELETE", "/operator/orders/{order}", "cancelOrder",
          "Take an order back; what was executed stays executed.", _cancel, "Order"),
)  # fmt: skip


def answer(eim: Eim, request: Request, now: float) -> Response:
    """Answer one request of an operator."""
    if request.path == f"{PREFIX}/openapi.json" and request.method == "GET":
        from sgprobe.peers.eim.openapi import document

        return _told(200, document())
    routes = [(one, named) for one in ROUTES if (named := one.match(request.path)) is not None]
    if not routes:
        return _told(404, {"error": "no such path"})
    found = [(one, named) for one, named in routes if one.method == request.method]
    if not found:
        allowed = ", ".join(one.method for one, _ in routes)
        return _told(405, {"error": f"the methods are {allowed}"}, (("Allow", allowed),))
    (route, named) = found[0]
    if len(request.body) > MAX_BODY:
        return _told(413, {"error": f"a body has at most {MAX_BODY} octets"})
    media = request.media.partition(";")[0].strip().lower()
    if route.takes and media != MEDIA:
        return _told(415, {"error": f"the media type is {MEDIA}"})
    try:
        body = _read(request.body) if route.takes else {}
        status, value = route.handler(eim, named, body, now)
    except NotFound as error:
        return _told(404, {"error": str(error)})
    except OrderError as error:
        return _told(400, {"error": str(error)})
    return _told(status, value)


def _told(status: int, value: Any, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, MEDIA, json.dumps(value).encode(), headers)


def _read(body: bytes) -> Members:
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise OrderError("the body is no JSON text") from None
    if not isinstance(value, dict):
        raise OrderError("the body is no JSON object")
    return value


def _only(members: Members, known: set[str]) -> None:
    unknown = sorted(members.keys() - known)
    if unknown:
        raise OrderError(f"no member is called {unknown[0][:40]!r}; there are {', '.join(known)}")


def _integer(members: Members, name: str) -> int | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_SECONDS:
        raise OrderError(f"{name} is no integer that can be meant")
    return value
