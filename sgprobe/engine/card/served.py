"""The card of the bench in the reader of an IPA under test: what passes between them is heard."""

from __future__ import annotations

from sgprobe.cases.match import Unresolved
from sgprobe.engine.end import HeardWorld
from sgprobe.engine.foreign import Foreign
from sgprobe.host.serve import listen
from sgprobe.links.card import ReaderGone
from sgprobe.links.card_slot import ServedCard
from sgprobe.links.card_tcp import CardServer, VirtualCard
from sgprobe.peers.euicc.card import Card

# listen: {card: …} is where the product's reader finds the card, {vpcd: …} where vpcd is
_CARD, _VPCD = "card", "vpcd"


def offers_card(product: Foreign) -> bool:
    """Say whether the product file has the bench put its card into the reader of the product."""
    return bool({_CARD, _VPCD} & product.places.keys())


class ServedSlot:
    """Puts the simulated eUICC of an item into a reader, and takes it out."""

    def __init__(self, world: HeardWorld, product: Foreign) -> None:
        self._world = world
        self._places = product.places
        self._slot: CardServer | VirtualCard | None = None

    def _apdu(self, command: bytes) -> bytes:
        answering = self._world.transmit(command)
        try:
            answering.send(None)
        except StopIteration as done:
            # a simulated card answers without waiting for anything
            return bytes(done.value)
        answering.close()
        raise ReaderGone("the simulated card waits for something")

    def _reset(self) -> bytes:
        self._world.card.reset()
        return Card.atr

    async def begin(self) -> None:
        """Put the card in; raises Unresolved where there is no slot."""
        card = ServedCard(self._apdu, self._reset, Card.atr, self._world.tape)
        try:
            if _CARD in self._places:
                self._slot = CardServer(card, *self._places[_CARD])
                await listen(self._slot, self._places[_CARD])
            else:
                self._slot = VirtualCard(card, self._places[_VPCD])
                await self._slot.insert()
        except ReaderGone as error:
            raise Unresolved(str(error)) from None

    async def end(self) -> None:
        """Take the card out."""
        if isinstance(self._slot, CardServer):
            await self._slot.stop()
        elif self._slot is not None:
            await self._slot.remove()
