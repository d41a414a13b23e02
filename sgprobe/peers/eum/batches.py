"""Batches of eUICC data for an SM-DPf (Esed1) or a device manufacturer (Esed2). SGP.41 §5.1."""

from __future__ import annotations

from collections.abc import Iterable

from sgprobe.crypto.ifpp_data import write_batch
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised

_INFO2 = bytes.fromhex("BF2200")


def batch(eum: Eum, batch_id: str, chips: Iterable[Personalised]) -> bytes:
    """Return a batch (FF47); EUICCInfo2 stands in it once for each kind of eUICC."""
    infos: dict[bytes, int] = {}
    seen: list[tuple[Kind, int]] = []
    items = []
    for chip in chips:
        place = next((place for kind, place in seen if kind is chip.kind), None)
        if place is None:
            place = infos.setdefault(chip.euicc().command(_INFO2, 0.0), len(infos))
            seen.append((chip.kind, place))
        items.append(chip.data(place))
    return write_batch(batch_id, eum.chain, infos, items)
