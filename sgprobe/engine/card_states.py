"""States of an eUICC in a reader, brought about by its own functions: packages, resets, removals.

The bench is an eIM of such a card. What it changes leaves no notification and no result behind.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.writer import EncodeError
from dissectors.spec.identity import iccid_octets, iccid_text
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.keys import spki
from sgprobe.engine import foreign_card
from sgprobe.engine.compose import Composer
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.euicc_state import association
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.known import Known
from sgprobe.links.card import CardStatus
from sgprobe.peers.drive import drive_async
from sgprobe.peers.effects import Card, CardFailure, Now, Post
from sgprobe.peers.euicc.values import bit_string
from sgprobe.peers.ipa.download import Stopped
from sgprobe.peers.profiles.library import ICCID_ISSUER, make_iccid

Command = Callable[[bytes], Awaitable[bytes]]

PROFILES, EIMS, NOTIFICATIONS = "euicc.profiles", "euicc.eims", "euicc.notifications"
# what no function changes
_FIXED = ("euicc.rat", "euicc.memory")
# ICCID, state, class, policy rules, emergency, fallback attribute and permission
_TAGS = "5a9f7095999f7b9f269f67"
# eIMs that cases add have names that nobody can own. RFC 6761 §6.2
_OF_CASES = ".test"
_COUNTER_END = 8_000_000
_OURS = iccid_octets(ICCID_ISSUER.ljust(19, "0")).hex()[:6]
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
        for iccid in usual.keys() - (await self._profiles()).keys():
            await self._install(iccid)
        await self._bring_profiles(
            [{"iccid": iccid, "state": state} for iccid, state in usual.items()]
        )

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
        for iccid, row in wanted.items():
            if iccid not in there:
                raise Unresolved(f"the card has no profile {iccid}")
            _compare(row, there[iccid])
        for iccid in there.keys() - wanted.keys():
            if not iccid.startswith(_OURS):
                raise Unresolved(f"the card has a profile {iccid} that the bench does not delete")
        enabled = [one for one, row in wanted.items() if row.get("state") == "enabled"]
        now = [one for one, info in there.items() if info.get("profileState") == "enabled"]
        if enabled and enabled != now:
            await self._order("psmoList", {"enable": {"iccid": enabled[0]}})
        elif now and not enabled:
            await self._order("psmoList", {"disable": {"iccid": now[0]}})
        for iccid in there.keys() - wanted.keys():
            await self._order("psmoList", {"delete": {"iccid": iccid}})
        await self._bring_fallback(wanted, there)

    async def _bring_fallback(self, wanted: dict[str, Any], there: dict[str, Any]) -> None:
        chosen = [one for one, row in wanted.items() if row.get("fallback") == "yes"]
        now = [one for one, info in there.items() if info.get("fallbackAttribute")]
        if chosen and chosen != now:
            await self._order("psmoList", {"setFallbackAttribute": {"iccid": chosen[0]}})
        elif now and not chosen:
            await self._order("psmoList", {"unsetFallbackAttribute": {}})

    async def _install(self, iccid: str) -> None:
        """Put a profile back that an item has deleted: one of the simulated SM-DP+."""
        world = self.known.world
        made = world.smdp.order("small", iccid=iccid_text(bytes.fromhex(iccid)))
        code = f"1${self.known.addresses['smdp']}${made.matching_id}"
        ended = await drive_async(world.ipa.download(code), self._perform)
        if isinstance(ended, Stopped):
            raise Unresolved(f"the card takes no profile {iccid}: {ended.reason}")

    async def _perform(self, effect: Any) -> Any:
        """Do what a download wants; the server answers in memory, beside the dialogue."""
        world = self.known.world
        match effect:
            case Post(_, request):
                return world.smdp.answer(request, world.clock.now())
            case Card(command):
                try:
                    return await self.send(command)
                except CardStatus as error:
                    raise CardFailure(error.sw) from None
            case Now():
                return world.clock.now()
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

    async def _order(self, member: str, command: dict[str, Value]) -> None:
        """Have the card carry out one command of a package, and leave no trace of it."""
        before = await self._numbers()
        counter = self.known.last_counter() + 1
        signed = {
            "eimId": self.known.eim_id,
            "eidValue": self.known.names.facts["eid"],
            "counterValue": counter,
            "euiccPackage": {member: [command]},
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


def _compare(row: dict[str, Value], info: dict[str, Any]) -> None:
    """Refuse what the bench cannot change in a profile; raises Unresolved."""
    found = {
        "class": info.get("profileClass", "operational"),
        "fallbackAllowed": "yes" if info.get("fallbackAllowed") else "no",
        "emergency": "yes" if info.get("ecallIndication") else "no",
        "rules": "some" if info.get("profilePolicyRules") else "none",
    }
    for column, value in row.items():
        if column in found and value != found[column]:
            text = f"the profile {row['iccid']} of the card has {column} {found[column]}"
            raise Unresolved(f"{text}, not {value}")
    if "notify" in row:
        raise Unresolved("the bench cannot change whom a profile of a card notifies")


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
