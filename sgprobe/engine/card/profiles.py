"""Profiles of an eUICC in a reader: switched, deleted and put in as a state of a case asks."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_text
from sgprobe.cases.match import Unresolved
from sgprobe.engine.card.eim import CardEim
from sgprobe.engine.card.euicc_state import notification_of
from sgprobe.engine.corner import Rows
from sgprobe.engine.known import Known
from sgprobe.links.card import CardStatus
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import Card, CardFailure, Now, Post
from sgprobe.peers.ipa.download import Stopped
from sgprobe.peers.profiles.library import PROVIDER, ProfileType, make_iccid
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.store import MemoryStore

# ICCID, state, provider, class, notifications and policy rules; then what SGP.32 v1.0.1 has not:
# emergency, fallback attribute and its permission
_TAGS, _LATER_TAGS = "5a9f709195b699", "9f7b9f269f67"
# of what a card lists the members of metadata that a profile keeps, and what is left out of it
_KEPT = frozenset({"profileClass", "notificationConfigurationInfo", "profilePolicyRules",
                   "ecallIndication", "fallbackAllowed"})  # fmt: skip
_DEFAULTS = {"profileClass": "operational", "ecallIndication": False, "fallbackAllowed": False}
_FLAGS = {"fallbackAllowed": "fallbackAllowed", "emergency": "ecallIndication"}
# how a profile of the bench is where no case says otherwise
_USUAL: dict[str, Value] = {
    "class": "operational", "fallbackAllowed": "no", "emergency": "no", "notify": "all",
}  # fmt: skip
# serial numbers of profiles go on from the hundredths of a second at the start
_NUMBERS, _SERIALS = count(int(time.time() * 100)), 10**11


def fresh_iccids() -> Iterator[str]:
    """Give ICCIDs that no item of this run, and no earlier run, has used."""
    return (make_iccid(number % _SERIALS) for number in _NUMBERS)


@dataclass(frozen=True, slots=True)
class CardProfiles:
    """Reads and changes the profiles of a card."""

    eim: CardEim

    @property
    def known(self) -> Known:
        """Return what cases call by name."""
        return self.eim.known

    async def settle(self) -> None:
        """Bring the two profiles back that each case begins with."""
        facts = self.known.names.facts
        usual = {str(facts["iccid.a"]): "enabled", str(facts["iccid.b"]): "disabled"}
        there = await self.there()
        if any(one.get("ecallIndication") and one.get("profileState") == "enabled"
               for one in there.values()):  # fmt: skip
            await self.eim.call("DisableEmergencyProfile", {"refreshFlag": True})
        await self.bring([
            {"iccid": iccid, "state": state, **(_USUAL if _is_ours(there.get(iccid)) else {})}
            for iccid, state in usual.items()
        ])  # fmt: skip

    async def there(self) -> dict[str, dict[str, Any]]:
        """Return what the card tells of its profiles, by ICCID."""
        later = "" if self.known.iot.version == "1.0.1" else _LATER_TAGS
        told = await self.eim.call("ProfileInfoList", {"tagList": _TAGS + later})
        if "profileInfoListOk" not in told:
            raise Unresolved(f"the card does not list its profiles: {told}")
        return {one["iccid"]: one for one in told["profileInfoListOk"] if "iccid" in one}

    async def bring(self, rows: Rows) -> None:
        """Make the rows the profiles of the card, all of them; raises Unresolved."""
        there = await self.there()
        wanted = {str(row["iccid"]).lower(): row for row in rows}
        made = {iccid: self._metadata(row, there.get(iccid)) for iccid, row in wanted.items()}
        stale = {iccid for iccid, metadata in made.items() if metadata is not None}
        gone = (stale & there.keys()) | (there.keys() - wanted.keys())
        for iccid in gone:
            if not _is_ours(there[iccid]):
                raise Unresolved(f"the card has a profile {iccid} that the bench does not delete")
        now = [one for one, info in there.items() if info.get("profileState") == "enabled"]
        if gone & set(now):
            await self.eim.order({"disable": {"iccid": now[0]}})
            now = []
        for iccid in gone:
            await self.eim.order({"delete": {"iccid": iccid}})
        for iccid in sorted(stale):
            await self._install(iccid, made[iccid] or {})
        enabled = [one for one, row in wanted.items() if row.get("state") == "enabled"]
        if enabled and enabled != now:
            await self.eim.order({"enable": {"iccid": enabled[0]}})
        elif now and not enabled:
            await self.eim.order({"disable": {"iccid": now[0]}})
        await self._bring_fallback(wanted, await self.there())

    def _metadata(
        self, row: dict[str, Value], info: dict[str, Any] | None
    ) -> dict[str, Value] | None:
        """Return the metadata to install a profile with; None where it is as the row says."""
        facts = self.known.names.facts
        if info is None and row["iccid"] not in (facts["iccid.a"], facts["iccid.b"]):
            raise Unresolved(f"the card has no profile {row['iccid']}")
        known = {name: value for name, value in (info or {}).items() if name in _KEPT}
        if row.get("rules", "none") != ("some" if "profilePolicyRules" in known else "none"):
            raise Unresolved("the bench puts no policy rules into a card: it could not undo them")
        asked: dict[str, Value] = {}
        for column, member in _FLAGS.items():
            if column in row:
                asked[member] = row[column] == "yes"
        if "class" in row:
            asked["profileClass"] = row["class"]
        if "notify" in row:
            told = row["notify"]
            asked["notificationConfigurationInfo"] = (
                self._all_events if told == "all" else [notification_of(one) for one in told]
            )
        same = all(known.get(name, _DEFAULTS.get(name)) == one for name, one in asked.items())
        if info is not None and same:
            return None
        return {"notificationConfigurationInfo": self._all_events, **known, **asked}

    @property
    def _all_events(self) -> Value:
        """The SM-DP+ hears of everything, as of each profile that it gives."""
        bits = {"value": "f0", "length": 4}
        address = self.known.addresses["smdp"]
        return [{"profileManagementOperation": bits, "notificationAddress": address}]

    async def _bring_fallback(self, wanted: dict[str, Any], there: dict[str, Any]) -> None:
        chosen = [one for one, row in wanted.items() if row.get("fallback") == "yes"]
        now = [one for one, info in there.items() if info.get("fallbackAttribute")]
        if chosen and chosen != now:
            await self.eim.order({"setFallbackAttribute": {"iccid": chosen[0]}})
        elif now and not chosen:
            await self.eim.order({"unsetFallbackAttribute": {}})

    async def _install(self, iccid: str, metadata: dict[str, Value]) -> None:
        """Put a profile of the simulated SM-DP+ in."""
        world = self.known.world
        is_test = metadata.get("profileClass") == "test"
        kind = ProfileType("state", 0, profile_class="test" if is_test else "operational",
                           profile_name="State", metadata=json.dumps(metadata))  # fmt: skip
        # a server of its own: that of the case may have given this ICCID already
        server = SmDp(replace(world.smdp.setup, types={kind.name: kind}), MemoryStore(),
                      random.Random(f"state {iccid}").randbytes)  # fmt: skip
        made = server.order(kind.name, iccid=iccid_text(bytes.fromhex(iccid)))
        code = f"1${self.known.addresses['smdp']}${made.matching_id}"
        perform = partial(self._perform, server)
        ended = await drive_async(world.ipa.download(code), perform)
        if isinstance(ended, Stopped):
            raise Unresolved(f"the card takes no profile {iccid}: {ended.reason}")

    async def _perform(self, server: SmDp, effect: Any) -> Any:
        """Do what a download wants; the server answers in memory, beside the dialogue."""
        now = self.known.world.clock.now()
        match effect:
            case Post(_, request):
                return server.answer(request, now)
            case Card(command):
                try:
                    return await self.eim.command(command)
                except CardStatus as error:
                    raise CardFailure(error.sw) from None
            case Now():
                return now
        return None


def _is_ours(info: dict[str, Any] | None) -> bool:
    """Say whether a profile is one that the bench has put in, or may."""
    return info is None or info.get("serviceProviderName") == PROVIDER


def row_of(info: dict[str, Any]) -> dict[str, Value]:
    """Return a profile as a row of its state."""
    return {
        "iccid": info["iccid"],
        "state": str(info.get("profileState", "disabled")),
        "fallback": "yes" if info.get("fallbackAttribute") else "no",
        "class": info.get("profileClass", "operational"),
    }
