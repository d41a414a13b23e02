"""One-time keys of many eUICCs, as their EUM gives them away: none twice, none special. GENS07."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator

from dissectors.asn1.model import Value
from sgprobe.crypto import keys
from sgprobe.crypto.errors import KeyFormatError
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.engine.given import only
from sgprobe.engine.outcome import NotHere
from sgprobe.engine.scale.figures import FIGURES, LIMITS, Load, Published, publish, share
from sgprobe.engine.settings import Setting
from sgprobe.host.world import World
from sgprobe.peers.delivery.distinct import Marks, mark
from sgprobe.peers.eum.personalisation import Eum, Kind

KEYS = "scale.keys"
_CHIPS = 700_000
# P-256: an order that is prime, so that no point but infinity has a small one
_COORDINATE = 32
# how many standard deviations the number of ones may be away from half of all bits
_FAR = 6.0


class KeyCount(Load):
    """Looks at the public halves of one-time keys of many eUICCs."""

    names = frozenset({KEYS, FIGURES})

    def __init__(self, setting: Setting, world: World, published: Published) -> None:
        super().__init__(setting, published)
        self._world = world

    async def trigger(self, action: str, given: dict[str, Value]) -> dict[str, Value]:
        """Count; a product's file gives no data of many eUICCs."""
        only(KEYS, given, "count", "at-least", *LIMITS)
        if self._setting.product is not None:
            raise NotHere("the bench has no data of many eUICCs of the product")
        done = share(given, self._setting.scale)
        begun = time.monotonic()
        marks, ones, wrong = Marks(), 0, 0
        for point in self._points(done.count):
            marks.add(mark("point", point.hex()))
            x = point[1 : 1 + _COORDINATE]
            ones += int.from_bytes(x, "big").bit_count()
            wrong += not _is_point(point)
        bits = done.count * _COORDINATE * 8
        away = abs(ones - bits / 2) / math.sqrt(bits / 4)
        publish(self._published, "keys", done, time.monotonic() - begun, given)
        self._published.figures.append(f"ones: {away:.2f} standard deviations from half")
        self._rows = [{
            "asked": str(done.count), "good": str(done.count - wrong),
            "twice": str(len(marks.repeated())), "right": "no" if wrong or away > _FAR else "yes",
        }]  # fmt: skip
        return {}

    def _points(self, count: int) -> Iterator[bytes]:
        seed = f"{self._setting.seed} keys"
        off = frozenset(name for name in self._setting.off if name.startswith("EUM."))
        eum = Eum(self._world.set, entropy=random.Random(seed), off=off)
        kind = Kind(keys=(Suite.C1,))
        for number in range(count):
            yield eum.personalise(_CHIPS + number, kind).one_time_keys[0].public.point


def _is_point(octets: bytes) -> bool:
    try:
        keys.public_from_point(keys.Curve.P256, octets)
    except KeyFormatError:
        return False
    return True
