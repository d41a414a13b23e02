"""Orders of a served SM-DP+ in full: what ES2+ cannot say, and what became of them."""

from __future__ import annotations

from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.host.json_answers import read_object, told
from sgprobe.host.serve import Handler
from sgprobe.links.clock import Clock
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.smdp.orders import PPK, Order
from sgprobe.peers.smdp.server import SmDp

PATH = "/operator/orders"
# members of a new order, and what each has to be
_TEXTS = {"eid": "eid", "type": "kind", "matching-id": "matching_id", "iccid": "iccid",
          "confirmation-code": "code", "protection": "protection", "smds": "smds"}  # fmt: skip
_FLAGS = ("release", "rebinding")
_EXPIRES = "expires-in"


class SmdpOrders:
    """`POST /operator/orders` makes one, `GET` and `DELETE /operator/orders/ICCID` follow it."""

    def __init__(self, smdp: SmDp, clock: Clock) -> None:
        self._smdp = smdp
        self._clock = clock

    def before(self, handler: Handler) -> Handler:
        """Return a handler that answers here first."""

        async def handled(request: Request, caller: Any) -> Response:
            path, _, iccid = request.path.removeprefix(PATH).partition("/")
            if not request.path.startswith(PATH) or path:
                return await handler(request, caller)
            try:
                return self._answer(request, iccid)
            except Refusal as refusal:
                return told(409, {"error": str(refusal)})
            except ValueError as error:
                return told(400, {"error": str(error)})

        return handled

    def _answer(self, request: Request, iccid: str) -> Response:
        if request.method == "POST" and not iccid:
            made = self._make(read_object(request.body))
            return told(201, self._shown(made))
        found = self._smdp.state(iccid) if iccid else None
        if found is None:
            return told(404, {"error": "there is no such order"})
        if request.method == "DELETE":
            self._smdp.operate(lambda desk, work: desk.cancel(work, iccid))
        elif request.method != "GET":
            return told(405, {"error": "the methods are POST, GET and DELETE"})
        return told(200, self._shown(found))

    def _make(self, body: dict[str, Any]) -> Order:
        known = {*_TEXTS, *_FLAGS, _EXPIRES}
        unknown = sorted(body.keys() - known)
        if unknown:
            raise ValueError(f"no member is called {unknown[0][:40]!r}")
        texts = {_TEXTS[name]: body[name] for name in _TEXTS if name in body}
        flags = {name: body.get(name, True) for name in _FLAGS}
        seconds = body.get(_EXPIRES)
        if not all(isinstance(one, str) for one in texts.values()):
            raise ValueError(f"{', '.join(_TEXTS)} are texts")
        if not all(isinstance(one, bool) for one in flags.values()):
            raise ValueError(f"{' and '.join(_FLAGS)} are true or false")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int)):
            raise ValueError(f"{_EXPIRES} is a number of seconds")
        expires = None if seconds is None else self._clock.now() + seconds
        texts.setdefault("protection", PPK)
        return self._smdp.order(expires=expires, **texts, **flags)

    def _shown(self, order: Order) -> dict[str, Any]:
        heard = self._smdp.notifications(order.eid) if order.eid else []
        return {
            "iccid": order.iccid,
            "matchingId": order.matching_id or "",
            "state": str(order.state),
            "reason": order.reason,
            "notifications": sum(one["iccid"] == order.iccid for one in heard),
            "activationCode": self._smdp.activation_code(order),
        }
