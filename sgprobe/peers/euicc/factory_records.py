"""What the factory phase keeps through a power cut: its state, one-time keys, results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sgprobe.crypto.ifpp_keys import OneTimeKey, Suite
from sgprobe.peers.euicc.records import Kept

# OtkState of the module
UNUSED, RESERVED, CONSUMED, DELETED = "unused", "reserved", "consumed", "deleted"
# keys that can still load a profile
LEFT = frozenset({UNUSED, RESERVED})
OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class Factory(Kept):
    """The factory phase as such; an eUICC that has no such record has no IFPP."""

    kind: ClassVar[str] = "ifpp"

    # numbers of Suite
    suites: list[int]
    phase: str = OPEN
    # grows with every change that a signed state shows
    counter: int = 0
    # how many results there is room for
    results: int = 16
    # OIDs of the SM-DPfs that may load; None: all whose certificates are good
    allowed: list[str] | None = None


@dataclass(frozen=True, slots=True)
class FactoryKey(Kept):
    """A one-time key: without its seed there is no private half any more."""

    kind: ClassVar[str] = "ifpp-key"

    ref: str
    suite: int
    seed: str | None = field(repr=False)
    state: str = UNUSED
    place: int = 0
    # the package that it is reserved for: its transaction and the digest of its BF36
    transaction: str | None = None
    digest: str | None = None

    @property
    def key(self) -> str:
        return self.ref

    @property
    def pair(self) -> OneTimeKey | None:
        """The key pair, as long as it is there."""
        if self.seed is None:
            return None
        return OneTimeKey(bytes.fromhex(self.ref), Suite(self.suite), bytes.fromhex(self.seed))


@dataclass(frozen=True, slots=True)
class FactoryResult(Kept):
    """The last result of a package: a Profile Installation Result (BF37)."""

    kind: ClassVar[str] = "ifpp-result"

    transaction: str
    ref: str
    seq: int
    signed: str

    @property
    def key(self) -> str:
        return self.transaction


@dataclass(frozen=True, slots=True)
class FactoryProfile(Kept):
    """A profile that came through the FPA, and the digest of its result."""

    kind: ClassVar[str] = "ifpp-profile"

    iccid: str
    digest: str

    @property
    def key(self) -> str:
        return self.iccid


FACTORY_KINDS: tuple[type[Kept], ...] = (Factory, FactoryKey, FactoryResult, FactoryProfile)
