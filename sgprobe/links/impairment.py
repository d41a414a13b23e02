"""What a bad link does: loss, copies, delay, disorder, damage, breaks. In process, no root.

A plan names datagrams by their number and direction, or by seeded probability; the same seed does
the same to the same traffic. On TCP, which hides loss and disorder from its users, the stream
counts as cut into segments, and a lost segment comes late.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Protocol

# what becomes of one datagram: (seconds later, bytes), none at all, or several times
Fate = list[tuple[float, bytes]]
# what becomes of bytes of a stream: (seconds later, bytes); None: here the connection breaks;
# infinitely later: once the line is back
StreamFate = list[tuple[float, bytes | None]]

_SEGMENT = 1400
# RFC 6298 §2: the first retransmission timeout of a TCP that knows nothing of the path
_TCP_TIMEOUT = 1.0


class StreamWay(Protocol):
    """One direction of one TCP connection."""

    def fate(self, data: bytes, now: float) -> StreamFate:
        """Return what becomes of bytes of the stream."""


class Impairment(Protocol):
    """Decides what becomes of what a link carries, seen from the side that owns it."""

    def inward(self, data: bytes, now: float) -> Fate:
        """Return what becomes of a datagram that arrives."""

    def outward(self, data: bytes, now: float) -> Fate:
        """Return what becomes of a datagram that is sent."""

    def connection(self) -> tuple[StreamWay, StreamWay] | None:
        """Begin a TCP connection: what happens inward and outward, None where nothing does."""


class Perfect:
    """Lets everything through."""

    def inward(self, data: bytes, now: float) -> Fate:
        return [(0.0, data)]

    def outward(self, data: bytes, now: float) -> Fate:
        return [(0.0, data)]

    def connection(self) -> tuple[StreamWay, StreamWay] | None:
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in one direction; numbers count datagrams, or segments of TCP, from 1."""

    drop: frozenset[int] = frozenset()
    duplicate: frozenset[int] = frozenset()
    delay: dict[int, float] = field(default_factory=dict)
    corrupt: frozenset[int] = frozenset()
    # octets that are left of a datagram; of a TCP segment: where the connection breaks
    cut: dict[int, int] = field(default_factory=dict)
    # by chance, from the datagram `after` on
    loss: float = 0.0
    copies: float = 0.0
    disorder: float = 0.0
    damage: float = 0.0
    after: int = 0
    # DTLS: nothing happens to the datagrams of handshakes
    spare_handshake: bool = False
    latency: float = 0.0  # seconds for every datagram
    rate: float = 0.0  # octets a second; 0 is unlimited
    # larger datagrams are lost, as on a path that does not fragment; TCP: size of a segment
    mtu: int = 0


class BadLink:
    """Two plans and a seed."""

    def __init__(self, inward: Plan, outward: Plan, seed: int = 0) -> None:
        self._plans = (inward, outward)
        self._seed = seed
        self._connections = 0
        self._ways = (_Way(inward, random.Random(f"{seed} in")),
                      _Way(outward, random.Random(f"{seed} out")))  # fmt: skip

    def inward(self, data: bytes, now: float) -> Fate:
        return self._ways[0].fate(data, now)

    def outward(self, data: bytes, now: float) -> Fate:
        return self._ways[1].fate(data, now)

    def connection(self) -> tuple[StreamWay, StreamWay] | None:
        self._connections += 1
        inward, outward = (
            Stream(plan, random.Random(f"{self._seed} {self._connections} {way}"))
            for plan, way in zip(self._plans, ("in", "out"))
        )
        return inward, outward


def both_ways(plan: Plan, seed: int = 0) -> BadLink:
    """Return a link that is equally bad in both directions."""
    return BadLink(plan, plan, seed)


class _Bottleneck:
    """The rate of a plan: when the link has sent what it was given."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free = 0.0

    def wait(self, size: int, now: float) -> float:
        """Return how long the last of `size` octets waits."""
        if not self._rate:
            return 0.0
        self._free = max(self._free, now) + size / self._rate
        return self._free - now


class _Way:
    """One direction of a socket with datagrams."""

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        self._plan = plan
        self._rng = rng
        self._count = 0
        self._held: bytes | None = None
        self._bottleneck = _Bottleneck(plan.rate)

    def fate(self, data: bytes, now: float) -> Fate:
        plan, rng = self._plan, self._rng
        if plan.spare_handshake and _is_handshake(data):
            return [(plan.latency, data), *self._released()]
        self._count += 1
        number = self._count
        lost, again, late, hurt = (rng.random() for _ in range(4))
        chance = number > plan.after
        if number in plan.drop or (chance and lost < plan.loss):
            return self._released()
        if plan.mtu and len(data) > plan.mtu:
            return self._released()
        if number in plan.corrupt or (chance and hurt < plan.damage):
            data = _flipped(data, rng)
        if number in plan.cut:
            data = data[: plan.cut[number]]
        wait = plan.latency + plan.delay.get(number, 0.0) + self._bottleneck.wait(len(data), now)
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


class Stream:
    """One direction of one TCP connection, as segments of a fixed size.

    A segment's number follows from its place in the stream, not from how reads fall.
    """

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        self._plan = plan
        self._rng = rng
        self._size = plan.mtu or _SEGMENT
        self._at = 0
        self._wait = 0.0
        self._hurt = False
        self._bottleneck = _Bottleneck(plan.rate)

    def fate(self, data: bytes, now: float) -> StreamFate:
        fate: StreamFate = []
        while data:
            number, inside = self._at // self._size + 1, self._at % self._size
            if inside == 0:
                self._begin(number)
            piece, data = data[: self._size - inside], data[self._size - inside :]
            end = self._plan.cut.get(number)
            broken = end is not None and inside + len(piece) >= end
            if broken and end is not None:
                piece = piece[: max(0, end - inside)]
            self._at += len(piece)
            if self._hurt and piece:
                piece, self._hurt = _flipped(piece, self._rng), False
            if piece:
                fate.append((self._wait + self._bottleneck.wait(len(piece), now), piece))
            if broken:
                return [*fate, (self._wait, None)]
        return fate

    def _begin(self, number: int) -> None:
        plan = self._plan
        lost, hurt = self._rng.random(), self._rng.random()
        chance = number > plan.after
        self._wait = plan.latency + plan.delay.get(number, 0.0)
        if number in plan.drop or (chance and lost < plan.loss):
            self._wait += _TCP_TIMEOUT
        self._hurt = number in plan.corrupt or (chance and hurt < plan.damage)


def _flipped(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one bit turned."""
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _is_handshake(data: bytes) -> bool:
    """Say whether a DTLS datagram belongs to a handshake: its first record says so."""
    return data[:1] in (b"\x14", b"\x16")


# orders of magnitude that deployment guides give for these networks; not measured by us
PROFILES: dict[str, Plan] = {
    # repetitions in bad coverage, half duplex, a tunnel's headers off the MTU
    "nbiot": Plan(loss=0.05, latency=1.5, rate=3_000.0, mtu=1358),
    # one carrier of 1.4 MHz, the same tunnel
    "ltem": Plan(loss=0.02, latency=0.15, rate=40_000.0, mtu=1358),
    # home routing: round by the home network, through two tunnels
    "roaming-4g": Plan(loss=0.01, latency=0.3, rate=500_000.0, mtu=1300),
}
