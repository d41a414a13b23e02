"""A bounded store of the transfers that peers have open: few per peer, some bytes, some time."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from dissectors.link.coap.options import Options
from dissectors.link.coap.transmission import Address

Key = tuple[Address, int, Options]


class Kept(Protocol):
    """What a shelf keeps: something that knows how many bytes it holds."""

    @property
    def held(self) -> int:
        """Return how many bytes of body are held."""


T = TypeVar("T", bound=Kept)


class Shelf(Generic[T]):
    """Transfers by peer and key, the longest untouched first.

    What is taken out may grow before it is put back; what stays on the shelf does not change.
    """

    __slots__ = ("_items", "_lifetime", "_most", "_of_peer", "held")

    def __init__(self, most_per_peer: int, lifetime: float) -> None:
        self.held = 0
        self._most = most_per_peer
        self._lifetime = lifetime
        self._items: OrderedDict[Key, tuple[T, float]] = OrderedDict()
        self._of_peer: dict[Address, OrderedDict[Key, None]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def take(self, key: Key) -> T | None:
        """Take a transfer out, or None where there is none."""
        entry = self._items.pop(key, None)
        if entry is None:
            return None
        self.held -= entry[0].held
        keys = self._of_peer[key[0]]
        del keys[key]
        if not keys:
            del self._of_peer[key[0]]
        return entry[0]

    def put(self, key: Key, item: T, now: float) -> None:
        """Put a transfer on the shelf; the peer's oldest goes where it has too many."""
        self.take(key)
        self._items[key] = (item, now)
        self.held += item.held
        keys = self._of_peer.setdefault(key[0], OrderedDict())
        keys[key] = None
        if len(keys) > self._most:
            self.take(next(iter(keys)))

    def drop_oldest(self) -> None:
        """Drop the transfer that was not touched for longest."""
        self.take(next(iter(self._items)))

    def forget(self, address: Address) -> None:
        """Drop all transfers of a peer."""
        for key in tuple(self._of_peer.get(address, ())):
            self.take(key)

    def expire(self, now: float) -> None:
        """Drop what nobody touched for its lifetime."""
        while (due := self.next_expiry()) is not None and due <= now:
            self.drop_oldest()

    def next_expiry(self) -> float | None:
        """Return when `expire` next has something to drop, or None."""
        for _, touched in self._items.values():
            return touched + self._lifetime
        return None
