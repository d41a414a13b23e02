"""States of an eUICC in a reader, brought about by its own functions: packages, resets, removals.

The bench is an eIM of such a card. What it changes leaves no notification and no result behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.keys import spki
from sgprobe.engine.card import foreign as foreign_card
from sgprobe.engine.card.eim import CardEim
from sgprobe.engine.card.euicc_state import association
from sgprobe.engine.card.profiles import CardProfiles, row_of
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.known import Known
from sgprobe.peers.euicc.values import bit_string

PROFILES, EIMS, NOTIFICATIONS = "euicc.profiles", "euicc.eims", "euicc.notifications"
# what no function changes
_FIXED = ("euicc.rat", "euicc.memory")
# eIMs that cases add have names that nobody can own. RFC 6761 §6.2
_OF_CASES = ".test"
_COUNTER_END = 8_000_000
_EVENTS = ("install", "enable", "disable", "delete")


@dataclass(slots=True)
class CardStates(Corner):
    """Reads and changes the state of a card over ES10."""

    eim: CardEim
    log: Callable[[str], None]
    names = frozenset({PROFILES, EIMS, NOTIFICATIONS, *_FIXED})

    @property
    def known(self) -> Known:
        """Return what cases call by name."""
        return self.eim.known

    @property
    def profiles(self) -> CardProfiles:
        """Return the profiles of the card."""
        return CardProfiles(self.eim)

    # --- the way a case is begun ---

    async def settle(self) -> None:
        """Take back what items before this one have left: their eIMs, and their profiles."""
        if not {"iccid-a", "iccid-b"} <= self.eim.product.file.identity.keys():
            return
        try:
            await self._settle_eims()
            await self.profiles.settle()
        except Unresolved as left:
            # what cannot be taken back may not matter to this case
            self.log(f"left by an item before: {left}")

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
                return [row_of(one) for one in (await self.profiles.there()).values()]
            case "euicc.eims":
                return [{"eimId": name} for name in await self._eims()]
            case "euicc.notifications":
                return await self._waiting()
        raise Unresolved(f"the bench cannot read {part} of a card")

    async def _waiting(self) -> Rows:
        listed = await self.eim.call("ListNotification", {})
        return [_waiting(one) for one in listed.get("notificationMetadataList") or ()]

    async def bring(self, part: str, rows: Rows) -> None:
        """Bring a state about."""
        match part:
            case "euicc.profiles":
                await self.profiles.bring(rows)
            case "euicc.eims":
                await self._associate(rows)
            case "euicc.notifications" if not rows:
                await self.eim.remove(await self.eim.numbers())
            case _:
                raise Unresolved(f"the bench cannot bring {part} of a card about")

    # --- eIMs ---

    async def _eims(self) -> dict[str, dict[str, Any]]:
        told = await self.eim.call("GetEimConfigurationData", {})
        return {one["eimId"]: one for one in told.get("eimConfigurationDataList") or ()}

    async def _associate(self, rows: Rows) -> None:
        """Make these eIMs the associated ones, all of them, as a first boot does."""
        known = await self._eims()
        strangers = known.keys() - {self.known.eim_id}
        if any(not name.endswith(_OF_CASES) for name in strangers):
            raise Unresolved("the card has eIMs that the bench does not remove")
        bits = (3, 4) if self.known.iot.version == "1.0.1" else (5, 6)
        await self.eim.call("EuiccMemoryReset", {"resetOptions": bit_string(bits)})
        if not rows:
            return
        configs = [self._configuration(row) for row in rows]
        answer = await self.eim.call("AddInitialEim", {"eimConfigurationDataList": configs})
        if "addInitialEimOk" not in answer:
            raise Unresolved(f"the card takes no eIM of the bench: {answer}")
        given = answer["addInitialEimOk"]
        for config, one in zip(configs, given, strict=True):
            foreign_card.associated(self.eim.product, config["eimId"], config["counterValue"],
                                    one.get("associationToken"))  # fmt: skip

    def _configuration(self, row: dict[str, Value]) -> dict[str, Any]:
        usual = {
            "eimId": str(row["eimId"]),
            "eimFqdn": self.known.addresses["eim"],
            "eimIdType": "eimIdTypeFqdn",
            "counterValue": int(str(row.get("counterValue", 0))),
            "eimPublicKeyData": {
                "eimPublicKey": spki(self.known.names.key("keys.eim")).hex(),
            },
        }
        if str(row.get("associationToken", "none")) not in ("none", "None"):
            # which one it is, the card chooses
            usual["associationToken"] = -1
        return dict(association(usual, row))


def _waiting(one: dict[str, Any]) -> dict[str, Value]:
    row: dict[str, Value] = {"seqNumber": one["seqNumber"]}
    bits = one["profileManagementOperation"]
    octet = bytes.fromhex(bits["value"] or "00")[0]
    row["operation"] = next((name for place, name in enumerate(_EVENTS)
                             if octet & 0x80 >> place), "")  # fmt: skip
    if "iccid" in one:
        row["iccid"] = one["iccid"]
    return row
