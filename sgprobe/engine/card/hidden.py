"""The card of an IPA under test that is no card of the bench: states only its operator brings."""

from __future__ import annotations

from dataclasses import replace

from sgprobe.cases.match import Unresolved
from sgprobe.engine.card import foreign as foreign_card
from sgprobe.engine.card.view import UNSEEN
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.known import Known
from sgprobe.host.world import World
from sgprobe.peers.euicc.records import Eim

_STATES = ("profiles", "eims", "notifications", "one-time-keys", "rat", "memory")


class HiddenCard(Corner):
    """Has the operator bring about what a case wants of the card; nothing of it can be read."""

    names = frozenset(f"euicc.{one}" for one in _STATES)

    def __init__(self, world: World, product: Foreign, known: Known) -> None:
        self._product = product
        self._known = known
        self._tell_eim(world)

    def _tell_eim(self, world: World) -> None:
        """Let the simulated eIM know its association with that card: token and last counter."""
        product, eim_id = self._product, self._known.eim_id
        draft = world.euicc.draft()
        ours = draft.find(Eim, eim_id)
        if ours is None:
            return
        counter = foreign_card.counter_of(product, self._known.history, eim_id)
        draft.put(replace(ours, counter=counter, token=product.token))
        world.euicc.adopt(draft)
        world.eim.enrol(world.euicc.eid, counter=counter, token=product.token or 0)

    async def read(self, part: str) -> Rows:
        """Say that it cannot be seen."""
        raise Unresolved(UNSEEN)

    async def bring(self, part: str, rows: Rows) -> None:
        """Have the operator bring a state about; raises Unresolved where it has no way."""
        await self._product.settle(part, rows)

    def end(self) -> None:
        """Note the last counter value: the card has it in the next item, too."""
        counter = self._known.last_counter()
        foreign_card.sent(self._product, self._known.eim_id, counter)
