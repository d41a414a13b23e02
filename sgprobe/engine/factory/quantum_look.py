"""Looks at the hybrid part of packages that an SM-DPf has bound, and of their way. IFPP §4."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp import open_package
from sgprobe.crypto.ifpp_keys import SPEC, OneTimeKey, Suite
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory.bench import FactoryBench
from sgprobe.host.factory_network import party_of
from sgprobe.host.factory_tls import HYBRID_GROUP
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.delivery.entry import Contents

PACKAGES, PROTECTION = "dm.hybrid", "dm.protection"


class QuantumLook(Corner):
    """Tells of each package that was fetched last how its one-time key was used."""

    names = frozenset({PACKAGES, PROTECTION})

    def __init__(self, bench: FactoryBench) -> None:
        self._bench = bench

    async def read(self, part: str) -> Rows:
        """Return a row for each package; raises Unresolved where none was fetched."""
        if not self._bench.fetched:
            raise Unresolved("nothing was fetched yet: dm.fetch comes first")
        rows = [self._row(one) for one in self._bench.fetched[-1].packages]
        return rows if part == PACKAGES else [await self._protection(rows)]

    async def _protection(self, rows: Rows) -> dict[str, Value]:
        """Say what of a delivery stays closed to a quantum computer of later years. PQ-7."""
        stored = bool(rows) and all(
            row["opened"] == "yes" and row["classical"] == "no" for row in rows
        )
        way = await self._agrees()
        # whoever has stored a classical package opens it, however it came
        verdict = "PACKAGES" if stored else "TRANSPORT_ONLY" if way else "NONE"
        return {
            "transport": "hybrid" if way else "classical",
            "packages": "hybrid" if stored else "classical",
            "verdict": verdict,
        }

    async def _agrees(self) -> bool:
        """Say whether the SM-DPf makes a connection whose key exchange is hybrid."""
        network = self._bench.network
        try:
            client = network.client(party_of("dm")).bare(
                network.address, lambda usual: replace(usual, groups=HYBRID_GROUP), None
            )
        except ValueError as error:
            raise Unresolved(str(error)) from None
        try:
            await client.greet()
        except Unreachable:
            return False
        return True

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
