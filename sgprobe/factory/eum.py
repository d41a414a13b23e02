"""The reference EUM behind its adapter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dissectors.spec.identity import eid_octets
from sgprobe.crypto.ifpp_keys import SPEC, prove
from sgprobe.factory.model import (
    AdapterError,
    Capabilities,
    ErrorClass,
    EuiccBatch,
    EuiccDataSet,
    OneTimeKeyData,
    Raw,
)
from sgprobe.peers.eum.personalisation import Eum, Personalised

_INFO2 = bytes.fromhex("BF2200")


class EumReference:
    """Exports what the simulated EUM gives away of the eUICCs it has made."""

    name = "sgprobe EUM"

    def __init__(self, eum: Eum, chips: Iterable[Personalised]) -> None:
        self.transcript: list[Raw] = []
        self._eum = eum
        self._chips = {one.eid: one for one in chips}

    def capabilities(self) -> Capabilities:
        return Capabilities(SPEC, frozenset({"eum"}))

    def normalise_error(self, raw: Any) -> ErrorClass:
        return ErrorClass.OTHER

    def export(self, eids: list[str]) -> EuiccBatch:
        infos: list[bytes] = []
        sets = []
        for eid in eids:
            chip = self._chips.get(eid)
            if chip is None:
                raise AdapterError(ErrorClass.UNKNOWN_NAME, eid, "this EUM has not made it")
            info = chip.euicc().command(_INFO2, 0.0)
            if info not in infos:
                infos.append(info)
            sets.append(_data(chip, infos.index(info)))
            self.transcript.append(Raw(False, "esed", chip.data()))
        return EuiccBatch(f"B{eids[0][-8:]}", self._eum.chain, tuple(infos), tuple(sets))


def _data(chip: Personalised, info: int) -> EuiccDataSet:
    eid, signer = eid_octets(chip.eid), chip.ecasd.identities[0].key
    made = []
    for pair in chip.one_time_keys:
        public = pair.public
        signature = bytes.fromhex(prove(eid, public, signer)["signature"])
        made.append(
            OneTimeKeyData(public.ref, int(public.suite), public.point, signature, public.kem)
        )
    return EuiccDataSet(eid, chip.certificate.der, tuple(made), info)
