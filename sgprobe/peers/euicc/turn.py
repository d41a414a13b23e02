"""One command while it is carried out: what the handlers read, and where their changes go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.dialect import Dialect
from sgprobe.peers.euicc.ecasd import Ecasd
from sgprobe.peers.euicc.records import Profile, Settings
from sgprobe.peers.euicc.session import Session
from sgprobe.peers.euicc.state import Draft
from sgprobe.peers.euicc.trust import Trust
from sgprobe.peers.rules import Rules


class Entropy(Protocol):
    """A source of random octets; `random.Random(seed)` is one that comes out again."""

    def randbytes(self, n: int) -> bytes:
        """Return `n` octets."""
        ...


@dataclass(frozen=True, slots=True)
class Chip:
    """What does not change while the eUICC runs."""

    config: Config
    rules: Rules
    ecasd: Ecasd
    dialect: Dialect
    random: Entropy
    trust: Trust


@dataclass(slots=True)
class Turn:
    """One command: the chip, the session, the draft of the memory, and what it leads to."""

    chip: Chip
    session: Session
    draft: Draft
    now: float
    cat_busy: bool = False
    # events that become notifications when the command ends, in order
    events: list[tuple[int, Profile]] = field(default_factory=list)
    # profiles and settings as they were before the first switch
    before: dict[str, Profile] = field(default_factory=dict)
    settings_before: Settings | None = None
    refresh: bool = False
    notes: list[int] = field(default_factory=list)

    def broken(self, rule: str, condition: bool) -> bool:
        """Say whether to refuse: the condition holds and its rule is on."""
        return condition and self.chip.rules.on(rule)

    def drop(self) -> None:
        """Take back every change that this command has made."""
        self.draft.changed.clear()
        self.events.clear()
        self.before.clear()
        self.settings_before = None
        self.refresh = False
        self.notes.clear()
