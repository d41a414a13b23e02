"""Notifications on their way to their servers: kept until delivered. SGP.32 §5.14.7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sgprobe.peers.effects import LinkFailure, Now, Procedure
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.eim.servers import client_of
from sgprobe.peers.eim.work import OUTBOX, Work
from sgprobe.peers.es9client import ServerFault, ServerRefusal
from sgprobe.peers.rules import Rules
from sgprobe.peers.store import Store

_LIST = "eim/outbox"
_FIRST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Outbox:
    """Delivers notifications over ES9+'; what cannot be delivered is tried again later."""

    setup: Setup
    store: Store
    rules: Rules
    journal: Callable[[str, str], None]
    # what is on its way just now
    _busy: set[str] = field(default_factory=set)

    def put(self, work: Work, address: str, pending: bytes, now: float) -> str | None:
        """Keep a notification for a server; None where there is no room."""
        listed = list(work.get(_LIST) or ())
        if len(listed) >= self.setup.limits.outbox:
            self.journal("OUTBOX", "no room for another notification")
            return None
        name = work.next_id()
        work.put(_LIST, [*listed, name])
        work.put(
            OUTBOX + name,
            {"address": address, "pending": pending.hex(), "tries": 0, "next": now},
        )
        return name

    def waiting(self) -> list[str]:
        """Return the names of what waits."""
        return list(self.store.get(_LIST) or ())

    def due(self) -> float | None:
        """Return when the first of those that wait is to be tried, None where none waits."""
        entries = [
            self.store.get(OUTBOX + name) for name in self.waiting() if name not in self._busy
        ]
        return min((one["next"] for one in entries if one is not None), default=None)

    def deliver(self) -> Procedure[int]:
        """Try everything that is due; return how many notifications were delivered."""
        now = yield Now()
        done = 0
        for name in self.waiting():
            entry = self.store.get(OUTBOX + name)
            if entry is not None and entry["next"] <= now:
                done += yield from self.send(name)
        return done

    def send(self, name: str) -> Procedure[bool]:
        """Try one notification; say whether it was delivered."""
        entry = self.store.get(OUTBOX + name)
        if entry is None or name in self._busy:
            return False
        client = client_of(self.setup, entry["address"])
        self._busy.add(name)
        trouble = ""
        final = True
        try:
            yield from client.handle_notification(bytes.fromhex(entry["pending"]))
        except ServerRefusal as refusal:
            trouble = str(refusal)
        except ServerFault as fault:
            trouble = str(fault)
            final = fault.status is not None and 400 <= fault.status < 500
        except LinkFailure as failure:
            trouble, final = str(failure) or "no link", False
        finally:
            self._busy.discard(name)
        now = yield Now()
        self._conclude(name, entry, trouble, final, now)
        return not trouble

    def _conclude(
        self, name: str, entry: dict[str, Any], trouble: str, final: bool, now: float
    ) -> None:
        work = Work(self.store)
        tries = entry["tries"] + 1
        final = final or not self.rules.on("EIM.NOTIFICATION-AGAIN")
        if trouble:
            self.journal("OUTBOX", f"{entry['address']}: {trouble}"[:200])
        if not trouble or final or tries >= self.setup.limits.forwards:
            listed = [one for one in work.get(_LIST) or () if one != name]
            work.put(_LIST, listed or None)
            work.put(OUTBOX + name, None)
        else:
            pause = min(_FIRST_PAUSE * 2**tries, self.setup.limits.forward_pause)
            work.put(OUTBOX + name, {**entry, "tries": tries, "next": now + pause})
        work.commit()
