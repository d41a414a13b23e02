"""The message ids of one direction of a captured flow: what is new, and what came before."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from dissectors.link.coap.message import CoapMessage
from dissectors.link.coap.ongoing import Body, Pending
from dissectors.link.coap.transfers import Budget

PRUNE_EVERY: Final = 256


class Sighting:
    """One message: when and where it was first and last seen, and what it is part of."""

    __slots__ = (
        "body",
        "code",
        "count",
        "digest",
        "first",
        "frame",
        "last",
        "pending",
        "transfer",
    )

    def __init__(self, code: int, digest: int, frame: int, time: float) -> None:
        self.code = code
        self.digest = digest
        self.frame = frame
        self.first = time
        self.last = time
        self.count = 1
        self.pending: Pending | None = None  # what it asks, or the question that it answers
        self.body: Body | None = None  # of which it carries a block
        self.transfer: int | None = None


class Sightings:
    """The messages that one side sent lately, by message id.

    The ids of CON and NON are the sender's own, those of ACK and RST are the receiver's.
    """

    __slots__ = ("_budget", "_lifetime", "_seen", "_since_prune")

    def __init__(self, lifetime: float, budget: Budget) -> None:
        self._lifetime = lifetime
        self._budget = budget
        self._seen: OrderedDict[int, Sighting] = OrderedDict()
        self._since_prune = 0

    def own(self, mid: int) -> Sighting | None:
        """Return the CON or NON that this side sent under an id."""
        return self._seen.get(mid)

    def see(
        self, message: CoapMessage, data: bytes, frame: int, time: float
    ) -> tuple[Sighting, bool]:
        """Return the sighting of a message, and whether the id is in use by another."""
        key = message.mid if message.type < 2 else message.mid | 0x10000
        digest = hash(data)
        known = self._seen.get(key)
        reused = False
        if known is not None:
            if time - known.first <= self._lifetime:
                if known.digest == digest:
                    known.count += 1
                    return known, False
                reused = message.type < 2
            del self._seen[key]
            self._budget.entries -= 1
        sighting = Sighting(message.code, digest, frame, time)
        self._seen[key] = sighting
        self._budget.entries += 1
        self._since_prune += 1
        if self._since_prune >= PRUNE_EVERY or self._budget.entries > self._budget.max_entries:
            self._prune(time)
        return sighting, reused

    def _prune(self, time: float) -> None:
        self._since_prune = 0
        seen = self._seen
        budget = self._budget
        least = budget.share
        while seen:
            young = time - next(iter(seen.values())).first <= self._lifetime
            if young and (len(seen) <= least or budget.entries <= budget.max_entries):
                break
            seen.popitem(last=False)
            budget.entries -= 1

    def clear(self) -> None:
        """Forget all messages."""
        self._budget.entries -= len(self._seen)
        self._seen.clear()
