"""What the MSP of an item has been told by the SM-DPf, in one message or in many. RB-57."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.engine.given import Given, only, seconds_of, whole_number
from sgprobe.engine.heard import History
from sgprobe.links.clock import Clock
from sgprobe.peers.msp.provider import LISTS

TOLD, HEAR = "msp.told", "msp.hear"
_LOOK = 0.25
_LIMIT = 60.0


class Ear:
    """Counts the profiles in the lists of all reports to the MSP; a profile counts once in each."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history, self._clock = history, clock

    def counts(self) -> dict[str, int]:
        """Return how many profiles each list has had."""
        found: dict[str, set[str]] = {name: set() for name in LISTS}
        for one in self._history.said:
            value = one.value
            if (
                one.function.name != "TellOperator"
                or not one.request
                or not isinstance(value, dict)
            ):
                continue
            for name in LISTS:
                listed = value.get(name)
                for profile in listed if isinstance(listed, list) else ():
                    found[name].add(str(profile.get("iccid")) if isinstance(profile, dict) else "")
        return {name: len(iccids) for name, iccids in found.items()}

    def row(self) -> dict[str, Value]:
        """Return the counts as a case compares them."""
        return {name: str(count) for name, count in self.counts().items()}

    async def hear(self, given: Given) -> dict[str, Value]:
        """Wait until lists have so many profiles, or the time is over; a later step judges."""
        only(HEAR, given, "within", *LISTS)
        wanted = {name: whole_number(given, name) for name in LISTS if name in given}
        limit = seconds_of(given, "within")
        end = self._clock.now() + (_LIMIT if limit is None else limit)
        while self._clock.now() < end:
            counts = self.counts()
            if all(counts[name] >= count for name, count in wanted.items()):
                break
            await self._clock.sleep(_LOOK)
        return {}
