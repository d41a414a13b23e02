"""The one-time keys of the simulated eUICC, as a case has its EUM make them."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory.floor import FactoryFloor, suite_named
from sgprobe.engine.factory.quantum_vectors import unready
from sgprobe.engine.outcome import NotHere

KEYS, FACTORY = "euicc.keys", "euicc.factory"


class KeyDrawer(Corner):
    """Gives the eUICC keys of the suites that a case names, before anything is loaded."""

    names = frozenset({KEYS, FACTORY})

    def __init__(self, floor: FactoryFloor) -> None:
        self._floor = floor

    async def bring(self, part: str, rows: Rows) -> None:
        """Make the keys anew; NotHere where the bench cannot judge a suite, with the reason."""
        if part == FACTORY:
            for row in rows:
                self._settle(row)
            return
        suites = [suite_named(str(row.get("suite", "c1"))) for row in rows]
        for suite in suites:
            if why := unready(suite):
                raise NotHere(f"suite {suite.label}: {why}")
        self._floor.equip(suites)

    def _settle(self, row: dict[str, Value]) -> None:
        told, smdpfs = row.get("results"), row.get("smdpfs")
        try:
            room = None if told is None else int(str(told))
        except ValueError:
            raise Unresolved(f"results is a number, not {told}") from None
        allowed = smdpfs if isinstance(smdpfs, list) or smdpfs is None else [smdpfs]
        self._floor.settle(room, None if allowed is None else [str(one) for one in allowed])
