"""What an eUICC has told the factory, searched for the secrets of its profiles. GENS09."""

from __future__ import annotations

from sgprobe.cases.match import Unresolved
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory.floor import FactoryFloor
from sgprobe.engine.factory.witness import leaks
from sgprobe.engine.heard import History

SECRETS = "euicc.secrets"


class ProfileWatch(Corner):
    """Knows K, OPc and IMSI of what was bound, and everything that the eUICC has said."""

    names = frozenset({SECRETS})

    def __init__(self, floor: FactoryFloor, history: History) -> None:
        self._floor, self._history = floor, history

    async def read(self, part: str) -> Rows:
        """Return how many secrets were looked for, and which the eUICC has told."""
        said = [one.octets for one in self._history.said if one.sender == "euicc"]
        if not said:
            raise Unresolved("the eUICC has said nothing yet")
        secrets = self._floor.secrets
        found = [name for name, octets in secrets.items() if leaks([octets], said)]
        return [{"searched": str(len(secrets)), "found": ", ".join(found) or "none"}]
