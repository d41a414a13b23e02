"""The one-time keys of the simulated eUICC, as a case has its EUM make them."""

from __future__ import annotations

from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory_floor import FactoryFloor, suite_named
from sgprobe.engine.outcome import NotHere
from sgprobe.engine.quantum_vectors import unready

KEYS = "euicc.keys"


class KeyDrawer(Corner):
    """Gives the eUICC keys of the suites that a case names, before anything is loaded."""

    names = frozenset({KEYS})

    def __init__(self, floor: FactoryFloor) -> None:
        self._floor = floor

    async def bring(self, part: str, rows: Rows) -> None:
        """Make the keys anew; NotHere where the bench cannot judge a suite, with the reason."""
        suites = [suite_named(str(row.get("suite", "c1"))) for row in rows]
        for suite in suites:
            if why := unready(suite):
                raise NotHere(f"suite {suite.label}: {why}")
        self._floor.equip(suites)
