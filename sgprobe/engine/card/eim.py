"""The bench as eIM of an eUICC in a reader: commands, and packages that leave no trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.writer import EncodeError
from sgprobe.cases.match import Unresolved
from sgprobe.engine.card import foreign as foreign_card
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.known import Known
from sgprobe.engine.message.compose import Composer
from sgprobe.engine.message.elements import numbers_named
from sgprobe.links.card import CardStatus
from sgprobe.peers.euicc.dialect import faults

Command = Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class CardEim:
    """Sends commands of ES10 and packages to one card, beside the dialogue of a case."""

    product: Foreign
    known: Known
    command: Command

    async def numbers(self) -> list[int]:
        """Return the sequence numbers of what waits in the card."""
        listed = await self.call("ListNotification", {})
        found = [one["seqNumber"] for one in listed.get("notificationMetadataList") or ()]
        kept = await self.call("RetrieveNotificationsList",
                                {"searchCriteria": {"euiccPackageResults": None}})  # fmt: skip
        return found + numbers_named("seqNumber", kept)

    async def remove(self, numbers: Iterable[int]) -> None:
        """Remove what waits under some numbers."""
        for number in sorted(numbers):
            await self.call("NotificationSent", {"seqNumber": number})

    async def send(self, command: bytes, what: str) -> bytes:
        """Return the answer to a command; raises Unresolved where the card refuses it."""
        try:
            return await self.command(command)
        except CardStatus as error:
            raise Unresolved(f"the card answers {error.sw:04X} to {what}") from None

    async def call(self, name: str, value: Value) -> dict[str, Any]:
        """Return the answer to a function of ES10; raises Unresolved."""
        request, response = f"{name}Request", f"{name}Response"
        spoken = codec.load(self.known.iot)
        try:
            asked = spoken.encode(request, value)
        except (KeyError, EncodeError) as error:
            raise Unresolved(f"{self.known.iot} has no {name} for it: {error}") from None
        return self._read(response, await self.send(asked, name))

    def _read(self, type_name: str, answer: bytes) -> dict[str, Any]:
        """Return what a card has answered; raises Unresolved where that cannot be read."""
        decoded = codec.load(self.known.iot).decode(type_name, answer)
        if faults(decoded) or not isinstance(decoded.value, dict):
            raise Unresolved(f"the card answers {answer[:20].hex()}, which is no {type_name}")
        return decoded.value

    async def order(self, command: dict[str, Value]) -> None:
        """Have the card carry out one command of a package, and leave no trace of it."""
        before = await self.numbers()
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
        answer = await self.send(spoken.encode("EuiccPackageRequest", package), "a package")
        told = self._read("EuiccPackageResult", answer)
        (name,) = command
        if not _well(told, name):
            raise Unresolved(f"the card does not carry out {name}: {str(told)[:200]}")
        await self.remove(set(await self.numbers()) - set(before))


def _well(told: dict[str, Any], name: str) -> bool:
    """Say whether a command was carried out."""
    result = told.get("euiccPackageResultSigned")
    if result is None:
        return False
    outcomes = result["euiccPackageResultDataSigned"]["euiccResult"]
    return [one.get(f"{name}Result") for one in outcomes] == ["ok"]
