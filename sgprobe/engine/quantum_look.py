"""Looks at the hybrid part of packages that an SM-DPf has bound. IFPP §4, PQ-1, PQ-2."""

from __future__ import annotations

from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp import open_package
from sgprobe.crypto.ifpp_keys import SPEC, OneTimeKey, Suite
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory_bench import FactoryBench
from sgprobe.peers.delivery.entry import Contents

PACKAGES = "dm.hybrid"


class QuantumLook(Corner):
    """Tells of each package that was fetched last how its one-time key was used."""

    names = frozenset({PACKAGES})

    def __init__(self, bench: FactoryBench) -> None:
        self._bench = bench

    async def read(self, part: str) -> Rows:
        """Return a row for each package; raises Unresolved where none was fetched."""
        if not self._bench.fetched:
            raise Unresolved("nothing was fetched yet: dm.fetch comes first")
        return [self._row(one) for one in self._bench.fetched[-1].packages]

    def _row(self, package: Contents) -> dict[str, Value]:
        pair = self._pair(package)
        decoded = codec.load(SPEC).decode("IfppLoadContextRequest", package.context)
        value: Any = decoded.value if decoded.ok else {"tbs": {}}
        tbs = value["tbs"]
        classical = OneTimeKey(pair.ref, Suite.C1, pair.seed)
        return {
            "eid": package.eid,
            "suite": str(tbs.get("suite", "none")),
            "key": str(len(pair.public.kem)),
            "ciphertext": str(len(tbs.get("kemCiphertext", "")) // 2),
            "opened": _opens(pair, package),
            # by the agreement of the elliptic curve alone
            "classical": _opens(classical, package),
        }

    def _pair(self, package: Contents) -> OneTimeKey:
        for chip in self._bench.chips:
            for pair in chip.made.one_time_keys:
                if (chip.eid, pair.ref.hex()) == (package.eid, package.key_ref):
                    return pair
        raise Unresolved(f"no eUICC has the one-time key {package.key_ref[:32]}")


def _opens(pair: OneTimeKey, package: Contents) -> str:
    try:
        open_package(pair, bytes.fromhex(package.eid), package.context, package.bound)
    except CryptoError:
        return "no"
    return "yes"
