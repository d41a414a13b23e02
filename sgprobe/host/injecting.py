"""The operator interface of an eIM that can reach IPAs: it has one function more."""

from __future__ import annotations

from urllib.parse import urlsplit

from dissectors.spec.identity import is_eid
from sgprobe.exchange import Request, Response
from sgprobe.host.conduct import Conductor
from sgprobe.host.directory import PORTS
from sgprobe.host.json_answers import read_object, told
from sgprobe.peers.eim import rest
from sgprobe.peers.eim.server import Eim

_DEVICES, _INJECT = f"{rest.PREFIX}/devices/", "/inject"


class Injecting:
    """Answers an operator; `POST /operator/devices/EID/inject` sends what waits to an IPA.

    Its body is `{"address": "coaps://HOST:PORT"}`, and `"json": true` for the JSON binding.
    """

    def __init__(self, eim: Eim, conductor: Conductor) -> None:
        self._eim = eim
        self._conductor = conductor

    async def __call__(self, request: Request, caller: object) -> Response:
        """Answer one request."""
        path = request.path
        if request.method != "POST" or not (path.startswith(_DEVICES) and path.endswith(_INJECT)):
            return rest.answer(self._eim, request, self._conductor.clock.now())
        eid = path.removeprefix(_DEVICES).removesuffix(_INJECT)
        if not is_eid(eid) or self._eim.device(eid) is None:
            return told(404, {"error": "there is no such eUICC"})
        try:
            body = read_object(request.body)
        except ValueError:
            body = {}
        address = body.get("address")
        if not isinstance(address, str) or urlsplit(address).scheme not in PORTS:
            return told(400, {"error": "address: expected a URL such as coaps://HOST:PORT"})
        done = await self._conductor.run(
            self._eim.inject(eid, address, json=body.get("json") is True)
        )
        what = {"sent": done.sent, "later": done.later, "trouble": done.trouble}
        return told(502 if done.trouble else 200, what)
