"""States of an eUICC in a reader, brought about by its own functions: packages, resets, removals.

The bench is an eIM of such a card. What it changes leaves no notification and no result behind.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.writer import EncodeError
from dissectors.spec.identity import iccid_text
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.keys import spki
from sgprobe.engine import foreign_card
from sgprobe.engine.compose import Composer
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.euicc_state import association, notification_of
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.known import Known
from sgprobe.links.card import CardStatus
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import Card, CardFailure, Now, Post
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.ipa.download import Stopped
from sgprobe.peers.profiles.library import PROVIDER, ProfileType, make_iccid
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.store import MemoryStore

Command = Callable[[bytes], Awaitable[bytes]]

PROFILES, EIMS, NOTIFICATIONS = "euicc.profiles", "euicc.eims", "euicc.notifications"
# what no function changes
_FIXED = ("euicc.rat", "euicc.memory")
# ICCID, state, provider, class, notifications, policy rules, emergency, fallback and permission
_TAGS = "5a9f709195b6999f7b9f269f67"
# of what a card lists the members of metadata that a profile keeps, and what is left out of it
_KEPT = frozenset({"profileClass", "notificationConfigurationInfo", "profilePolicyRules",
                   "ecallIndication", "fallbackAllowed"})  # fmt: skip
_DEFAULTS = {"profileClass": "operational", "ecallIndication": False, "fallbackAllowed": False}
_FLAGS = {"fallbackAllowed": "fallbackAllowed", "emergency": "ecallIndication"}
# how a profile of the bench is where no case says otherwise
_USUAL: dict[str, Value] = {
    "class": "operational", "fallbackAllowed": "no", "emergency": "no", "notify": "all",
}  # fmt: skip
# eIMs that cases add have names that nobody can own. RFC 6761 §6.2
_OF_CASES = ".test"
_COUNTER_END = 8_000_000
# serial numbers of profiles go on from the hundredths of a second at the start
_NUMBERS, _SERIALS = count(int(time.time() * 100)), 10**11
_EVENTS = ("install", "enable", "disable", "delete")


def fresh_iccids() -> Iterator[str]:
    """Give ICCIDs that no item of this run, and no earlier run, has used."""
    return (make_iccid(number % _SERIALS) for number in _NUMBERS)


@dataclass(slots=True)
class CardStates(Corner):
    """Reads and changes the state of a card over ES10."""

    product: Foreign
    known: Known
    send: Command
    log: Callable[[str], None]
    names = frozenset({PROFILES, EIMS, NOTIFICATIONS, *_FIXED})

    # --- the way a case is begun ---

    async def settle(self) -> None:
        """Take back what items before this one have left: their eIMs, and their profiles."""
        if self.product.file.identity.get("iccid-a") is None:
            return
        try:
            await self._settle()
        except Unresolved as left:
            # what cannot be taken back may not matter to this case
            self.log(f"left by an item before: {left}")

    async def _settle(self) -> None:
        await self._settle_eims()
        facts = self.known.names.facts
        usual = {str(facts["iccid.a"]): "enabled", str(facts["iccid.b"]): "disabled"}
        there = await self._profiles()
        if any(one.get("ecallIndication") and one.get("profileState") == "enabled"
               for one in there.values()):  # fmt: skip
            await self._call("DisableEmergencyProfile", {"refreshFlag": True})
        await self._bring_profiles([
            {"iccid": iccid, "state": state, **(_USUAL if _is_ours(there.get(iccid)) else {})}
            for iccid, state in usual.items()
        ])  # fmt: skip

    async def _settle_eims(self) -> None:
        known = await self._eims()
        ours = known.get(self.known.eim_id)
        others = [name for name in known if name != self.known.eim_id]
        if any(not name.endswith(_OF_CASES) for name in others):
            # somebody else manages this card as well
            return
        key = (ours or {}).get("eimPublicKeyData", {}).get("eimPublicKey")
        usable = key == spki(self.known.names.key("keys.eim")).hex()
        if not usable or others or self.known.last_counter() > _COUNTER_END:
            await self._associate([{"eimId": self.known.eim_id}])

    # --- states ---

    async def read(self, part: str) -> Rows:
        """Return the rows of a state."""
        match part:
            case "euicc.profiles":
                return [_row(one) for one in (await self._profiles()).values()]
            case "euicc.eims":
                return [{"eimId": name} for name in await self._eims()]
            case "euicc.notifications":
                return await self._waiting()
        raise Unresolved(f"the bench cannot read {part} of a card")

    async def _waiting(self) -> Rows:
        listed = await self._call("ListNotification", {})
        return [_waiting(one) for one in listed.get("notificationMetadataList") or ()]

    async def bring(self, part: str, rows: Rows) -> None:
        """Bring a state about."""
        match part:
            case "euicc.profiles":
                await self._bring_profiles(rows)
            case "euicc.eims":
                await self._associate(rows)
            case "euicc.notifications" if not rows:
                await self._remove(await self._numbers())
            case _:
                raise Unresolved(f"the bench cannot bring {part} of a card about")

    # --- profiles ---

    async def _profiles(self) -> dict[str, dict[str, Any]]:
        told = await self._call("ProfileInfoList", {"tagList": _TAGS})
        return {one["iccid"]: one for one in told.get("profileInfoListOk") or ()}

    async def _bring_profiles(self, rows: Rows) -> None:
        there = await self._profiles()
        wanted = {str(row["iccid"]).lower(): row for row in rows}
        made = {iccid: self._metadata(row, there.get(iccid)) for iccid, row in wanted.items()}
        stale = {iccid for iccid, metadata in made.items() if metadata is not None}
        gone = (stale & there.keys()) | (there.keys() - wanted.keys())
        for iccid in gone:
            if not _is_ours(there[iccid]):
                raise Unresolved(f"the card has a profile {iccid} that the bench does not delete")
        now = [one for one, info in there.items() if info.get("profileState") == "enabled"]
        if gone & set(now):
            await self._order({"disable": {"iccid": now[0]}})
            now = []
        for iccid in gone:
            await self._order({"delete": {"iccid": iccid}})
        for iccid in sorted(stale):
            await self._install(iccid, made[iccid] or {})
        enabled = [one for one, row in wanted.items() if row.get("state") == "enabled"]
        if enabled and enabled != now:
            await self._order({"enable": {"iccid": enabled[0]}})
        elif now and not enabled:
            await self._order({"disable": {"iccid": now[0]}})
        await self._bring_fallback(wanted, await self._profiles())

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
            await self._order({"setFallbackAttribute": {"iccid": chosen[0]}})
        elif now and not chosen:
            await self._order({"unsetFallbackAttribute": {}})

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
                    return await self.send(command)
                except CardStatus as error:
                    raise CardFailure(error.sw) from None
            case Now():
                return now
        return None

    # --- eIMs ---

    async def _eims(self) -> dict[str, dict[str, Any]]:
        told = await self._call("GetEimConfigurationData", {})
        return {one["eimId"]: one for one in told.get("eimConfigurationDataList") or ()}

    async def _associate(self, rows: Rows) -> None:
        """Make these eIMs the associated ones, all of them, as a first boot does."""
        known = await self._eims()
        strangers = known.keys() - {self.known.eim_id}
        if any(not name.endswith(_OF_CASES) for name in strangers):
            raise Unresolved("the card has eIMs that the bench does not remove")
        bits = (3, 4) if self.known.iot.version == "1.0.1" else (5, 6)
        await self._call("EuiccMemoryReset", {"resetOptions": bit_string(bits)})
        if not rows:
            return
        configs = [self._configuration(row) for row in rows]
        answer = await self._call("AddInitialEim", {"eimConfigurationDataList": configs})
        if "addInitialEimOk" not in answer:
            raise Unresolved(f"the card takes no eIM of the bench: {answer}")
        given = answer["addInitialEimOk"]
        for config, one in zip(configs, given, strict=True):
            foreign_card.associated(self.product, config["eimId"], config["counterValue"],
                                    one.get("associationToken"))  # fmt: skip

    def _configuration(self, row: dict[str, Value]) -> dict[str, Any]:
        if str(row.get("associationToken", "none")) not in ("none", "None"):
            raise Unresolved("a card chooses the association token itself")
        usual = {
            "eimId": str(row["eimId"]),
            "eimFqdn": self.known.addresses["eim"],
            "eimIdType": "eimIdTypeFqdn",
            "counterValue": int(str(row.get("counterValue", 0))),
            "eimPublicKeyData": {
                "eimPublicKey": spki(self.known.names.key("keys.eim")).hex(),
            },
        }
        return dict(association(usual, row))

    # --- notifications and results ---

    async def _numbers(self) -> list[int]:
        """Return the sequence numbers of what waits in the card."""
        listed = await self._call("ListNotification", {})
        found = [one["seqNumber"] for one in listed.get("notificationMetadataList") or ()]
        kept = await self._call("RetrieveNotificationsList",
                                {"searchCriteria": {"euiccPackageResults": None}})  # fmt: skip
        return found + _seq_numbers(kept)

    async def _remove(self, numbers: Iterable[int]) -> None:
        for number in sorted(numbers):
            await self._call("NotificationSent", {"seqNumber": number})

    # --- talking ---

    async def _call(self, name: str, value: Value) -> dict[str, Any]:
        request, response = f"{name}Request", f"{name}Response"
        spoken = codec.load(self.known.iot)
        try:
            answer = await self.send(spoken.encode(request, value))
        except (KeyError, EncodeError) as error:
            raise Unresolved(f"{self.known.iot} has no {name} for it: {error}") from None
        told = spoken.decode(response, answer).value
        return told if isinstance(told, dict) else {}

    async def _order(self, command: dict[str, Value]) -> None:
        """Have the card carry out one command of a package, and leave no trace of it."""
        before = await self._numbers()
        counter = self.known.last_counter() + 1
        signed = {
            "eimId": self.known.eim_id,
            "eidValue": self.known.names.facts["eid"],
            "counterValue": counter,
            "euiccPackage": {"psmoList": [command]},
        }
        composer = Composer(self.known.iot, self.known.names)
        package = composer.sign("EuiccPackageRequest", {"euiccPackageSigned": signed},
                                "eimSignature", "keys.eim")  # fmt: skip
        spoken = codec.load(self.known.iot)
        foreign_card.sent(self.product, self.known.eim_id, counter)
        answer = await self.send(spoken.encode("EuiccPackageRequest", package))
        told = spoken.decode("EuiccPackageResult", answer).value
        (name,) = command
        if not _well(told, name):
            raise Unresolved(f"the card does not carry out {name}: {str(told)[:200]}")
        await self._remove(set(await self._numbers()) - set(before))


def _is_ours(info: dict[str, Any] | None) -> bool:
    """Say whether a profile is one that the bench has put in, or may."""
    return info is None or info.get("serviceProviderName") == PROVIDER


def _well(told: Any, name: str) -> bool:
    """Say whether a command was carried out."""
    result = told.get("euiccPackageResultSigned") if isinstance(told, dict) else None
    if not isinstance(result, dict):
        return False
    (outcome,) = result["euiccPackageResultDataSigned"]["euiccResult"]
    return bool(outcome.get(f"{name}Result") == "ok")


def _seq_numbers(value: Any) -> list[int]:
    """Return the sequence numbers anywhere in a list of results."""
    found: list[int] = []
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if isinstance(one.get("seqNumber"), int):
                found.append(one["seqNumber"])
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return found


def _row(info: dict[str, Any]) -> dict[str, Value]:
    return {
        "iccid": info["iccid"],
        "state": str(info.get("profileState", "disabled")),
        "fallback": "yes" if info.get("fallbackAttribute") else "no",
        "class": info.get("profileClass", "operational"),
    }


def _waiting(one: dict[str, Any]) -> dict[str, Value]:
    row: dict[str, Value] = {"seqNumber": one["seqNumber"]}
    bits = one["profileManagementOperation"]
    octet = bytes.fromhex(bits["value"] or "00")[0]
    row["operation"] = next((name for place, name in enumerate(_EVENTS)
                             if octet & 0x80 >> place), "")  # fmt: skip
    if "iccid" in one:
        row["iccid"] = one["iccid"]
    return row
