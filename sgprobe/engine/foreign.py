"""A product that is not ours: where it is, what it is judged with, and how it is made to act."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from math import ceil
from time import time
from typing import Any

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_octets
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.identities import EIDS
from sgprobe.engine.names import Key
from sgprobe.engine.outcome import Declined
from sgprobe.host.operator_http import OperatorHttp
from sgprobe.host.serve import identity, url
from sgprobe.host.world import World
from sgprobe.links.tape import Address
from sgprobe.links.tls import TlsSettings
from sgprobe.product import actions
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.model import Endpoint, ProductFile
from sgprobe.product.operator import Operator
from sgprobe.product.passed_on import passes

# the endpoint of a role by what carries it
_ENDPOINTS = {
    ("eim", "https"): "esipa",
    ("eim", "coaps"): "esipa-coap",
    ("smdp", "https"): "es9plus",
    ("smds", "https"): "es11",
    ("smdpf", "https"): "ifpp",
}
# keys of the product file, by the names that cases use
_KEYS = {
    "keys.eim": "eim",
    "keys.euicc": "euicc",
    "keys.smdp-auth": "smdp-auth",
    "keys.smdp-pb": "smdp-pb",
    "keys.smds-auth": "smds-auth",
}
_CERTS = {"certs.ci": "ci", "certs.eum": "eum", **{
    name.replace("keys.", "certs."): key for name, key in _KEYS.items()
}}  # fmt: skip
# eUICCs of the test PKI, in the order of their EIDs
_EUICCS = ("euicc", "euicc2", "euicc3")
# the EID that stands in where a case is about an association without a token
_TOKENLESS = "eid-without-token"
_ACTION = 30.0


class Foreign:
    """The product under test as its file describes it."""

    def __init__(self, file: ProductFile, *, tokenless: bool = False) -> None:
        self.file = file
        self._identity = {name: one.text for name, one in file.identity.items()}
        if tokenless and _TOKENLESS in self._identity:
            self._take_tokenless()
        # what operators answered, for the actions that follow
        self.given: dict[str, Value] = {}
        # what was ordered: taken back when the item is over, so that items stand alone
        self._ordered: list[dict[str, Value]] = []
        # of the association with the eIM: what the next item finds again
        self._managed: dict[str, Value] = {}
        # seconds by which the product's clock was moved
        self._ahead = 0
        self._operator: Operator | None = None
        self._http = OperatorHttp(self.trust())

    # --- where it is ---

    def name(self, role: str, default: str) -> str:
        """Return the name of a role in TLS and in messages."""
        told = self.file.names.get(role)
        if told is not None:
            return told.text
        endpoint = self.endpoint(role, "https")
        return endpoint.host if endpoint is not None else default

    def endpoint(self, role: str, binding: str) -> Endpoint | None:
        """Return where the product answers in a role."""
        if role != self.file.role:
            return None
        return self.file.endpoints.get(_ENDPOINTS.get((role, binding), ""))

    def listeners(self, role: str) -> dict[str, str]:
        """Return the role at each address of the product, as captures name them."""
        found = {}
        also = self.file.endpoints.get("es12") if role == "smds" else None
        for binding, endpoint in (
            *((one, self.endpoint(role, one)) for one in ("https", "coaps")),
            ("https", also),
        ):
            if endpoint is None:
                continue
            with suppress(OSError):
                for *_, (host, port, *_) in socket.getaddrinfo(endpoint.host, endpoint.port):
                    found[url(binding, (str(host), int(port))).partition("://")[2]] = role
        return found

    def add_to(self, world: World, name: str, binding: str) -> None:
        """Say where the product is, on the line of its role; raises Unresolved."""
        role = self.file.role
        endpoint = self.endpoint(role, binding)
        if endpoint is None:
            wanted = _ENDPOINTS.get((role, binding), binding)
            raise Unresolved(f"bench lacks `endpoints: {{{wanted}: URL}}` of {self.file.path.name}")
        trust = self.trust()
        settings = TlsSettings(trust=trust, verify=bool(trust))
        world.outside(role, name, (endpoint.host, endpoint.port), settings)

    def beside(self, world: World) -> str:
        """Return where the SM-DS under test takes events, of which it has told; raises Unresolved.

        SGP.22 §5.9: the SM-DP+ shows its certificate for TLS.
        """
        endpoint = self.file.endpoints.get("es12")
        if endpoint is None:
            raise Unresolved(f"bench lacks `endpoints: {{es12: URL}}` of {self.file.path.name}")
        if endpoint.scheme == "http":
            return f"http://{endpoint.host}:{endpoint.port}"
        trust, own = self.trust(), identity(world.set["dptls"])
        settings = TlsSettings(identity=own, trust=trust, verify=bool(trust))
        name = f"{self.name(self.file.role, endpoint.host)}:{endpoint.port}"
        world.outside(self.file.role, name, (endpoint.host, endpoint.port), settings)
        return f"https://{name}"

    def trust(self) -> tuple[bytes, ...]:
        """Return the certificates that the product's TLS chain has to lead to."""
        files = self.file.keys.get("tls-ca", ())
        return tuple(one.certificates[-1].der for one in files if one.certificates)

    @property
    def places(self) -> dict[str, Address]:
        """Return where simulated roles listen for the product."""
        return {name: (one.host, one.port) for name, one in self.file.listen.items()}

    # --- who it is ---

    def _take_tokenless(self) -> None:
        """Play with the eUICC whose association with the eIM under test has no token."""
        known = self._identity
        usual, known["eid"] = known.get("eid"), known[_TOKENLESS]
        if usual is not None and known.get("eid-other") == known["eid"]:
            known["eid-other"] = usual
        known.pop("association-token", None)

    @property
    def token(self) -> int | None:
        """Return the token of the association of the eUICC with the eIM under test."""
        return self.number("association-token")

    def euicc(self) -> str:
        """Return which eUICC of the test PKI is in the slot; raises Unresolved."""
        told = self._identity.get("eid")
        if told is None or self.file.role == "euicc":
            return _EUICCS[0]
        if told not in EIDS:
            known = ", ".join(EIDS)
            raise Unresolved(f"bench lacks an eUICC with the EID {told}; it has {known}")
        return _EUICCS[EIDS.index(told)]

    def facts(self) -> dict[str, Value]:
        """Return the values by which cases name the product."""
        found: dict[str, Value] = {}
        identity = self._identity
        for name, key in (("eid", "eid"), ("eid.other", "eid-other"), ("eim.id", "eim-id")):
            if key in identity:
                found[name] = identity[key]
        for name, key in (("iccid.a", "iccid-a"), ("iccid.b", "iccid-b")):
            if key in identity:
                found[name] = iccid_octets(identity[key]).hex()
        for name, key in _CERTS.items():
            certificates = [one.certificates[0] for one in self.file.keys.get(key, ())
                            if one.certificates]  # fmt: skip
            if certificates:
                found[name] = certificates[0].der.hex()
        return found

    def keys(self) -> dict[str, Key]:
        """Return the public keys that the product is judged with."""
        return {name: self.file.keys[key][0].key for name, key in _KEYS.items()
                if self.file.keys.get(key)}  # fmt: skip

    def number(self, name: str) -> int | None:
        """Return a number of the product's identity."""
        told = self._identity.get(name)
        return int(told) if told is not None else None

    async def agree(self, rows: list[dict[str, Value]], eim_id: str, eid: str) -> None:
        """Have the eIM under test know an association; raises Unresolved where it cannot."""
        known = str(self.token or "none")
        for row in rows:
            if row.get("eimId") != eim_id:
                continue
            wanted = str(row.get("associationToken", known))
            if wanted != known and not await self._manage(eid, "token", _number(wanted)):
                text = f"the eIM under test has the association token {known}, not {wanted}"
                raise Unresolved(f"{text}; {self._add_manage('token')}")
            counter = row.get("counterValue")
            if counter is not None and not await self._manage(eid, "counter", _number(counter)):
                text = f"the eIM under test goes on from its own counter, and not from {counter}"
                raise Unresolved(f"{text}; {self._add_manage('counter')}")

    async def _manage(self, eid: str, name: str, value: int) -> bool:
        """Tell the eIM a member of the association; say whether there is a way to."""
        way = self.file.operator.find("trigger", "manage")
        if way is None or not passes(way, name):
            return False
        await self._do(actions.Call("trigger", "manage", {"eid": eid, name: value}))
        usual = {"token": self.token or 0, "counter": self.number("eim-counter") or 0}
        self._managed |= {"eid": eid, name: usual[name]}
        return True

    def _add_manage(self, name: str) -> str:
        way = f"`operator: {{trigger: {{manage: …}}}}` that passes ${name} on"
        return f"add {way} to {self.file.operator.file}"

    # --- how it acts ---

    @property
    def operator(self) -> Operator:
        """Return what makes it act."""
        if self._operator is None:
            self._operator = Operator(self.file.operator, self._http)
        return self._operator

    async def trigger(
        self, action: str, given: Mapping[str, Any], limit: float | None = None
    ) -> dict[str, Value]:
        """Ask the operator; raises Unresolved where it has no way, or it came to nothing."""
        call = actions.of_trigger(action, {**given})
        outputs = await self._do(call, limit)
        self.given |= outputs
        if call.verb == "order":
            self._ordered.append({**call.given, **outputs})
        return outputs

    async def read(self, part: str) -> list[dict[str, Value]]:
        """Return the rows of a state as the operator tells them."""
        outputs = await self._do(actions.of_outcome(part, self.given))
        return [outputs]

    async def keeps(self, octets: bytes) -> bool:
        """Say whether octets stand in what the product stores and logs, as its operator tells."""
        told = await self._do(actions.Call("search_store", "octets", {"octets": octets.hex()}))
        return str(told.get("found")).lower() in ("true", "yes")

    async def bring(self, part: str, rows: list[dict[str, Value]]) -> None:
        """Have the operator bring a state about."""
        for row in rows:
            self.given |= await self._do(actions.of_state(part, row))

    async def begin(self) -> None:
        """Have the product brought into its first state, where the file has a way of its own."""
        if ("trigger", "begin") in self.file.operator.ways:
            await self._do(actions.Call("trigger", "begin", {}))

    async def settle(self, part: str, rows: list[dict[str, Value]]) -> None:
        """Have the operator bring a whole state about, with all of its rows."""
        await self._do(actions.Call("trigger", part, {"is": rows}))

    async def advance(self, seconds: float) -> bool:
        """Have the product's clock moved; say whether there is a way to."""
        if self.file.operator.find("clock", "advance") is None:
            return False
        await self._do(actions.Call("clock", "advance", {"seconds": ceil(seconds)}))
        self._ahead += ceil(seconds)
        return True

    async def _set_clock_back(self) -> None:
        """Leave the product's clock as the item found it."""
        if not self._ahead:
            return
        call = actions.Call("clock", "advance", {"seconds": -self._ahead})
        if self.file.operator.find("clock", "set") is not None:
            call = actions.Call("clock", "set", {"time": int(time())})
        with suppress(Unresolved):
            await self._do(call)

    async def _do(self, call: actions.Call, limit: float | None = None) -> dict[str, Value]:
        if limit is None:
            limit = self.file.limits.get("restart" if call.verb == "restart" else "action", _ACTION)
        try:
            return await self.operator.do(call, limit)
        except Missing as error:
            hint = f"; add {error.add}" if error.add else ""
            raise Unresolved(f"{error}{hint}") from None
        except Failed as error:
            raise Declined(f"the operator: {error}") from None

    async def close(self) -> None:
        """Take back what is still queued, and close what was asked through."""
        for order in self._ordered:
            # an order that was executed cannot be taken back, and need not
            with suppress(Unresolved):
                await self._do(actions.of_trigger(f"{self.file.role}.cancel", order))
        await self._set_clock_back()
        if self._managed:
            with suppress(Unresolved):
                await self._do(actions.Call("trigger", "manage", self._managed))
        await self._http.close()


def _number(text: Value) -> int:
    """Return the number of a token or a counter; no token is 0."""
    return int(text) if str(text).isdigit() else 0
