"""Settings of simulated roles that a case names under `peers`, for the links that are there."""

from __future__ import annotations

from typing import Any

from dissectors.link.coap.server import ServerKnobs
from sgprobe.cases import planned as p
from sgprobe.cases.match import Unresolved
from sgprobe.cases.variants import Variant
from sgprobe.engine.fill import Filler
from sgprobe.engine.heard import History
from sgprobe.engine.names import Names
from sgprobe.links.coap_link import CoapKnobs

Settings = dict[str, dict[str, Any]]


def settings_of(peers: tuple[p.PlannedPeer, ...], variant: Variant) -> dict[str, Settings]:
    """Return settings by role and family, with the points of the variant in place."""
    filler = Filler(Names(variant, History(), ""))
    found: dict[str, Settings] = {}
    for peer in peers:
        for family, template in peer.settings:
            found.setdefault(peer.role, {})[family] = filler.fill(template, {})
    return found


def coap_knobs(settings: Settings, seed: int) -> CoapKnobs | None:
    """Return how a simulated server speaks CoAP; None where the case leaves that open."""
    told = settings.get("coap", {})
    if not told:
        return None
    sizes = [int(told[name]) for name in ("block2-size", "block1-size") if name in told]
    server = ServerKnobs(
        szx=min((_exponent(size) for size in sizes), default=6),
        separate=str(told.get("separate", "no")) in ("yes", "true"),
    )
    return CoapKnobs(server=server, seed=seed)


def _exponent(size: int) -> int:
    """Return SZX of a block size. RFC 7959 §2.2."""
    for exponent in range(7):
        if 16 << exponent == size:
            return exponent
    raise Unresolved(f"a block has 16, 32, 64, 128, 256, 512 or 1024 octets, not {size}")
