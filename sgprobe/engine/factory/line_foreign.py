"""A line that is a product of others: its operator starts it, its reader reads our devices."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgprobe.cases.match import Unresolved
from sgprobe.engine.factory.line_device import Killed, LineDevice
from sgprobe.engine.factory.line_product import ACCEPTED, GOOD, HELD, LIMITED, REFUSED, Verdict
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.outcome import Declined
from sgprobe.links.card import ReaderGone
from sgprobe.links.card_slot import ServedCard
from sgprobe.links.card_tcp import CardServer, VirtualCard
from sgprobe.links.tape import Tape
from sgprobe.peers.euicc.card import Card

# listen: {card: …} is where the product's reader finds the device, {vpcd: …} where vpcd is
_CARD, _VPCD = "card", "vpcd"
_WORDS = {"yes": GOOD, "true": GOOD, "no": HELD, "false": HELD}


class ForeignLine:
    """Asks the operator for what a line does, with the device of the moment in its reader."""

    def __init__(self, foreign: Foreign, tape: Tape | None) -> None:
        self._foreign = foreign
        self._device: LineDevice | None = None
        self._killed = asyncio.Event()
        self._slot = ServedCard(self._apdu, self._reset, Card.atr, tape)

    # --- the reader ---

    def _apdu(self, command: bytes) -> bytes:
        if self._device is None:
            raise ReaderGone("there is no device")
        try:
            return self._device.apdu(command)
        except Killed:
            self._killed.set()
            raise ReaderGone("the line lost its power") from None

    def _reset(self) -> bytes:
        if self._device is None:
            raise ReaderGone("there is no device")
        return self._device.reset()

    def _reader(self) -> CardServer | VirtualCard:
        places = self._foreign.places
        if _CARD in places:
            return CardServer(self._slot, *places[_CARD])
        if _VPCD in places:
            return VirtualCard(self._slot, places[_VPCD])
        name = self._foreign.file.path.name
        raise Unresolved(f"bench lacks `listen: {{card: 127.0.0.1:35963}}` of {name}")

    # --- what it is asked for ---

    async def import_delivery(self, path: Path, given: Mapping[str, Any]) -> Verdict:
        wanted = {**given, "path": str(path)}
        try:
            told = await self._foreign.trigger("fpa.import", wanted)
        except Declined as declined:
            return Verdict(REFUSED, str(declined))
        word = str(told.get("state", ACCEPTED))
        if word not in (ACCEPTED, LIMITED, REFUSED):
            raise Declined(f"the operator says of a delivery that it is {word[:40]!r}")
        return Verdict(word, str(told.get("reason", "")))

    async def load(self, device: LineDevice, given: Mapping[str, Any]) -> Verdict:
        self._killed.clear()
        self._device = device
        wanted = {name: given[name] for name in ("station", "line", "scanned", "override")
                  if name in given}  # fmt: skip
        try:
            async with self._reader():
                return await self._loaded(wanted)
        except (OSError, ReaderGone) as error:
            raise Unresolved(f"the device cannot be put in the reader: {error}") from None
        finally:
            self._device = None

    async def _loaded(self, wanted: dict[str, Any]) -> Verdict:
        """Wait until the line is done with a device, or has lost its power."""
        load = asyncio.ensure_future(self._foreign.trigger("fpa.load", wanted))
        killed = asyncio.ensure_future(self._killed.wait())
        await asyncio.wait({load, killed}, return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        if self._killed.is_set():
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            await self.restart()
            return Verdict(HELD, "the line lost its power")
        told = await load
        word = str(told.get("good", "")).lower()
        if word not in _WORDS:
            raise Unresolved("the operator does not say whether the device is `good`: true, false")
        return Verdict(_WORDS[word], str(told.get("reason", "")))

    async def reports(self, *, final: bool) -> list[bytes]:
        told = await self._foreign.trigger("fpa.report", {"final": "yes" if final else "no"})
        listed = told.get("reports")
        if not isinstance(listed, list):
            raise Unresolved("the operator gives no `reports`: a list of FF4A in base64")
        try:
            return [base64.b64decode(one, validate=True) for one in listed]
        except (binascii.Error, TypeError, ValueError):
            raise Unresolved("a report of the operator is no base64") from None

    async def damaged(self, device: LineDevice) -> None:
        await self._foreign.trigger("fpa.damaged", {"eid": device.eid})

    async def restart(self) -> None:
        await self._foreign.trigger("fpa.restart", {})

    async def bring(self, part: str, rows: list[dict[str, Any]]) -> None:
        await self._foreign.bring(part, rows)

    async def network(self) -> list[dict[str, Any]]:
        told = await self._foreign.trigger("fpa.network", {})
        try:
            return [{name: str(int(told[name])) for name in ("attempts", "canaries")}]
        except (KeyError, TypeError, ValueError):
            text = "the operator counts no `attempts` and `canaries` of packets"
            raise Unresolved(text) from None

    async def holds(self, octets: bytes) -> bool:
        return await self._foreign.keeps(octets)

    async def close(self) -> None:
        self._device = None
