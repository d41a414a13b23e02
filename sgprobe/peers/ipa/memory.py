"""What the IPA remembers through a power cut: what is undelivered, and what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from sgprobe.peers.store import Store

_KEY = "ipa/memory"


@dataclass(frozen=True, slots=True)
class Memory:
    """All of it; eIMs are named by their ids, octets stand as hex."""

    # something may wait in the eUICC for its acknowledgement
    pending: bool = True
    # causes of state changes that an eIM has not been told, by eIM
    changes: dict[str, int] = field(default_factory=dict)
    # an enable with rollback whose result is not delivered: eIM, and until when it is tried
    window: dict[str, Any] | None = None
    # results that only the IPA has, and that got no answer: eIM and ProvideEimPackageResult
    reports: list[list[str]] = field(default_factory=list)
    # what eIMs were told of the eUICC, by eIM: it can be left out of compact forms
    told: dict[str, dict[str, str]] = field(default_factory=dict)
    # a package that is being loaded: eIM, its trigger's transaction, transaction of the session
    download: dict[str, Any] | None = None
    # the emergency profile, or the fallback profile, is enabled by this IPA
    emergency: bool = False
    fallback: bool = False
    # the IPA in the eUICC is the active one
    ipae: bool = False
    # injected packages whose results come later: eIM and package
    injected: list[list[str]] = field(default_factory=list)
    # polls in a row that reached no eIM
    misses: int = 0


class Notebook:
    """The memory behind a store; every change is durable when `note` returns."""

    def __init__(self, store: Store) -> None:
        self.store = store
        record = store.get(_KEY) or {}
        known = {one.name for one in fields(Memory)}
        self.now = Memory(**{key: value for key, value in record.items() if key in known})

    def note(self, **members: Any) -> None:
        """Change members and store them."""
        changed = replace(self.now, **members)
        if changed == self.now:
            return
        self.store.commit({_KEY: {one.name: getattr(changed, one.name) for one in fields(Memory)}})
        self.now = changed
