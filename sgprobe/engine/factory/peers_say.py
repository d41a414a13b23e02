"""What MSP, EUM, device maker and line say to an SM-DPf by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.spec.functions import ES9
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import Message
from sgprobe.crypto.ifpp_keys import SPEC
from sgprobe.engine.heard import Heard
from sgprobe.engine.message import wire
from sgprobe.exchange import Request
from sgprobe.host.factory_network import PARTIES
from sgprobe.peers.delivery.files import MANIFEST

if TYPE_CHECKING:
    from sgprobe.engine.factory.bench import FactoryBench

_RSP = "SGP.22@2.5"
# what an order asks for where a case does not say
TYPE, COUNT = "small", 10
_BATCH, _STATE = "EuiccDataBatch", "GetSignedIfppStateResponse"


@dataclass(slots=True)
class FactoryPeersSay:
    """Makes the default of each request; `wanted` are members that the step names."""

    bench: FactoryBench

    def value(self, message: Message, party: str, wanted: frozenset[str]) -> Value:
        """Return the default of a request that a party sends."""
        function = message.function
        if function.interface == ES9:
            return {"pendingNotification": {"profileInstallationResult": self._result()}}
        # who has no certificate has a name all the same
        party = party if party in PARTIES else function.sender
        made = self._members(function.name, party, wanted)
        if not message.json:
            return made["report"]
        return {"header": self._header(party), **made}

    def _header(self, party: str) -> Value:
        return {
            "functionRequesterIdentifier": PARTIES.get(party, party),
            "functionCallIdentifier": self.bench.floor.octets(8).hex(),
        }

    def _members(self, name: str, party: str, wanted: frozenset[str]) -> dict[str, Value]:
        bench = self.bench
        known = bench.called()
        match name:
            case "OrderProfiles":
                return {"profileType": TYPE, "count": COUNT, "notifyAddress": bench.network.notify}
            case "ShowOrder":
                return {"orderId": known["order.id"]()}
            case "WithdrawProfiles":
                every = {} if "iccids" in wanted else {"all": True}
                return {"orderId": known["order.id"](), **every}
            case "DeliverEuiccData":
                return {"batch": self._batch(), "dmId": PARTIES["dm"]}
            case "RequestPackages":
                return self._request(party, wanted)
            case "ShowJob":
                return {"jobId": known["job.id"]()}
            case "FetchDelivery":
                return {"deliveryId": known["delivery.id"](), "file": MANIFEST}
            case "ReportLoading":
                name = bench.floor.octets(16).hex()
                return {"report": bench.stations.draft(name, bench.floor.clock.now())}
            case "ShowGaps":
                return {"deliveryId": known["delivery.id"]()}
            case "ReportRemovals":
                return {"removals": self._removals()}
        raise Unresolved(f"nobody here says {name} by itself")

    def _batch(self) -> Value:
        return codec.load(SPEC).decode(_BATCH, self.bench.give_away()).value

    def _request(self, party: str, wanted: frozenset[str]) -> dict[str, Value]:
        """Ask for a package for each one-time key that none was asked for; all for the order."""
        bench = self.bench
        made: dict[str, Value] = {
            "requestId": f"R{bench.floor.octets(4).hex()}",
            "orderId": bench.called()["order.id"]() if "orderId" not in wanted else "",
            "dmId": PARTIES.get(party, party),
        }
        if "entries" not in wanted:
            asked = self._asked()
            waiting = [one for one in bench.chips
                       if one.made.one_time_keys[0].ref.hex() not in asked]  # fmt: skip
            made["entries"] = [
                {"eid": one.eid, "keyRef": one.made.one_time_keys[0].ref.hex()}
                for one in waiting or bench.chips
            ]
            suites = {int(one.made.one_time_keys[0].suite) for one in bench.chips}
            made["suite"] = min(suites, default=1)
        else:
            made["suite"] = 1
        if "euiccData" in wanted:
            made["euiccData"] = [self._batch()]
        return made

    def _asked(self) -> set[str]:
        """Return the one-time keys that packages were asked for."""
        found: set[str] = set()
        for heard in self.bench.floor.history.said:
            if heard.function.name == "RequestPackages" and heard.request:
                found |= {one.get("keyRef", "") for one in _entries(heard)}
        return found

    def _removals(self) -> list[Value]:
        loaded = codec.load(SPEC)
        return [
            {"iccid": one.packages[-1].iccid, "evidence": loaded.decode(_STATE, one.evidence).value}
            for one in self.bench.chips if one.evidence and one.packages
        ]  # fmt: skip

    def _result(self) -> Value:
        results = [one.results[-1] for one in self.bench.chips if one.results]
        if not results:
            raise Unresolved("no eUICC has a result: fpa.load comes first")
        return codec.load(_RSP).decode("ProfileInstallationResult", results[-1]).value

    # --- what became of it ---

    def sent(self, message: Message, asked: Request) -> None:
        """Remember a report that goes out: the next one of its station follows it."""
        if message.function.name != "ReportLoading":
            return
        octets = asked.body
        if message.json:
            octets = wire.member_octets(asked.body, "report") or b""
        self.bench.stations.write(octets)


def _entries(heard: Heard) -> list[dict[str, str]]:
    listed = heard.value.get("entries") if isinstance(heard.value, dict) else None
    return [one for one in listed or () if isinstance(one, dict)]
