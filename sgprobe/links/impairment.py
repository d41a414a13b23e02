"""What a bad link does to datagrams: loss, copies, delay, disorder, damage. In process, no root.

A plan names datagrams by their number and direction, or by seeded probability; the same seed does
the same to the same traffic.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Protocol

# what becomes of one datagram: (seconds later, bytes), none at all, or several times
Fate = list[tuple[float, bytes]]


class Impairment(Protocol):
    """Decides what becomes of each datagram, seen from the side that owns it."""

    def inward(self, data: bytes, now: float) -> Fate:
        """Return what becomes of a datagram that arrives."""

    def outward(self, data: bytes, now: float) -> Fate:
        """Return what becomes of a datagram that is sent."""


class Perfect:
    """Lets everything through."""

    def inward(self, data: bytes, now: float) -> Fate:
        return [(0.0, data)]

    def outward(self, data: bytes, now: float) -> Fate:
        return [(0.0, data)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in one direction; numbers count its datagrams from 1."""

    drop: frozenset[int] = frozenset()
    duplicate: frozenset[int] = frozenset()
    delay: dict[int, float] = field(default_factory=dict)
    corrupt: frozenset[int] = frozenset()
    cut: dict[int, int] = field(default_factory=dict)  # octets that are left
    # by chance, from the datagram `after` on
    loss: float = 0.0
    copies: float = 0.0
    disorder: float = 0.0
    damage: float = 0.0
    after: int = 0
    latency: float = 0.0  # seconds for every datagram
    rate: float = 0.0  # octets a second; 0 is unlimited
    mtu: int = 0  # larger datagrams are lost, as on a path that does not fragment

    def without_chance(self) -> bool:
        """Say whether nothing is left to chance."""
        return not (self.loss or self.copies or self.disorder or self.damage)


class BadLink:
    """Two plans and a seed."""

    def __init__(self, inward: Plan, outward: Plan, seed: int = 0) -> None:
        self._ways = (_Way(inward, random.Random(f"{seed} in")),
                      _Way(outward, random.Random(f"{seed} out")))  # fmt: skip

    def inward(self, data: bytes, now: float) -> Fate:
        return self._ways[0].fate(data, now)

    def outward(self, data: bytes, now: float) -> Fate:
        return self._ways[1].fate(data, now)


class _Way:
    """One direction."""

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        self._plan = plan
        self._rng = rng
        self._count = 0
        self._held: bytes | None = None
        self._free = 0.0  # when the link has sent what it was given

    def fate(self, data: bytes, now: float) -> Fate:
        self._count += 1
        plan, number, rng = self._plan, self._count, self._rng
        lost, again, late, hurt = (rng.random() for _ in range(4))
        chance = number > plan.after
        if number in plan.drop or (chance and lost < plan.loss):
            return self._released()
        if plan.mtu and len(data) > plan.mtu:
            return self._released()
        if number in plan.corrupt or (chance and hurt < plan.damage):
            at = rng.randrange(len(data)) if data else 0
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        if number in plan.cut:
            data = data[: plan.cut[number]]
        wait = plan.latency + plan.delay.get(number, 0.0) + self._queue(len(data), now)
        if chance and late < plan.disorder and self._held is None:
            # the next datagram goes first; a last one is freed by whatever comes
            self._held = data
            return []
        fate = [(wait, data)]
        if number in plan.duplicate or (chance and again < plan.copies):
            fate.append((wait, data))
        return fate + self._released()

    def _released(self) -> Fate:
        held, self._held = self._held, None
        return [] if held is None else [(self._plan.latency, held)]

    def _queue(self, size: int, now: float) -> float:
        if not self._plan.rate:
            return 0.0
        self._free = max(self._free, now) + size / self._plan.rate
        return self._free - now


# what field guides say of these networks, as orders of magnitude; not measured by us
PROFILES: dict[str, Plan] = {
    "nbiot": Plan(loss=0.05, latency=1.5, rate=3_000.0, mtu=1358),
    "ltem": Plan(loss=0.02, latency=0.15, rate=40_000.0, mtu=1358),
    "roaming-4g": Plan(loss=0.01, latency=0.3, rate=500_000.0, mtu=1300),
}
