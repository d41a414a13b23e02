"""An SM-DPf of the test PKI, and chips that are no more than a certificate and one-time keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import eid_octets, iccid_octets, make_eid
from sgprobe.crypto import keys
from sgprobe.crypto.identities import EUM_ORGANIZATION
from sgprobe.crypto.ifpp_data import write_batch
from sgprobe.crypto.ifpp_keys import OneTimeKey, Suite, prove
from sgprobe.crypto.issuing import END_OF_TIME, Plan, issue
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.crypto.profiles import PROFILES
from sgprobe.crypto.signing import EUICC_SIGN_PIR
from sgprobe.peers.smdpf.records import Entry
from sgprobe.peers.smdpf.server import SmDpf, make_setup
from sgprobe.peers.store import MemoryStore, Store

NOW = 1_795_000_000.0  # November 2026
DAY = 86_400.0
MSP, DM = "msp.example", "dm.example"
INFO2 = tlv(
    "BF22",
    tlv("81", bytes.fromhex("020301")),
    tlv("82", bytes.fromhex("020500")),
    tlv("84", bytes.fromhex("8101008204000400008302") + b"\x10\x00"),
)


@lru_cache(maxsize=1)
def pki() -> CertificateSet:
    return TestPki.load()[Curve.P256]


@dataclass(frozen=True)
class Chip:
    eid: str
    key: keys.PrivateKey
    certificate: bytes
    pairs: tuple[OneTimeKey, ...]

    @property
    def refs(self) -> list[str]:
        return [one.ref.hex() for one in self.pairs]

    def item(self, **changes: Any) -> bytes:
        value = {
            "eid": self.eid,
            "euiccCertificate": self.certificate.hex(),
            "oneTimeKeys": [
                prove(eid_octets(self.eid), one.public, self.key) for one in self.pairs
            ],
            **changes,
        }
        return codec.load("IFPP@0").encode("EuiccIfppData", value)

    def result(
        self, entry: Entry, reason: str | None = None, seq: int = 1, **changes: Any
    ) -> bytes:
        """A signed Profile Installation Result (BF37) about an entry."""
        final: dict[str, Any] = {
            "successResult": {"aid": "a0000005591010ffffffff8900001100", "simaResponse": "3000"}
        }
        if reason is not None:
            final = {"errorResult": {"bppCommandId": "loadProfileElements", "errorReason": reason}}
        value = {
            "transactionId": entry.transaction,
            "notificationMetadata": {
                "seqNumber": seq,
                "profileManagementOperation": {"value": "80", "length": 1},
                "notificationAddress": "testsmdpplus1.example.com",
                "iccid": iccid_octets(entry.iccid).hex(),
            },
            "smdpOid": "2.999.10",
            "finalResult": final,
            **changes,
        }
        data = codec.load("SGP.22@2.5").encode("ProfileInstallationResultData", value)
        return tlv("BF37", data, EUICC_SIGN_PIR.sign(self.key, data))

    def state(self, iccids: Iterable[str] = (), counter: int = 9) -> bytes:
        """A signed state (FF45) with these profiles."""
        ifpp = codec.load("IFPP@0")
        tbs = {
            "challenge": "11" * 16, "eid": self.eid, "factoryPhase": "closed",
            "stateCounter": counter, "unusedOtk": 0, "consumedOtk": 1, "deletedOtk": 0,
            "profiles": [
                {"iccid": iccid_octets(one).hex(), "profileClass": "operational",
                 "enabled": False, "loadedBy": "fpa"}
                for one in iccids
            ],
        }  # fmt: skip
        signature = keys.sign(self.key, ifpp.encode("IfppStateTbs", tbs))
        eum = pki()["eum"].certificate.der
        ok = {
            "tbs": tbs, "signature": signature.hex(),
            "euiccCertificate": self.certificate.hex(), "eumCertificate": eum.hex(),
        }  # fmt: skip
        return ifpp.encode("GetSignedIfppStateResponse", {"ok": ok})


@lru_cache(maxsize=512)
def chip(
    number: int, count: int = 2, suite: Suite = Suite.C1, *, issuer_range: str = "89049032",
    spoilt: bool = False, not_after: datetime = END_OF_TIME,
) -> Chip:  # fmt: skip
    eid = make_eid(f"{issuer_range}12345199{number:014d}")
    key = keys.derive_key("chips", eid, Curve.P256)
    issuer = pki()["eum"]
    profile = PROFILES["euicc"]
    certificate = issue(
        Plan(
            subject=(("C", "DE"), ("O", EUM_ORGANIZATION), ("serialNumber", eid), ("CN", eid)),
            issuer=tuple(
                (name, value)
                for (_, value), name in zip(
                    issuer.certificate.attributes, ("C", "O", "OU", "CN"), strict=True
                )
            ),
            public=key.public_key(),
            signer=issuer.key,
            serial=number + 1000,
            not_before=issuer.certificate.not_before,
            not_after=not_after,
            spoilt=spoilt,
            key_usage=profile.key_usage,
            policy=profile.policy,
        )
    )
    pairs = tuple(
        OneTimeKey(hashlib.sha256(f"{eid}{at}".encode()).digest()[:8], suite, b"seed")
        for at in range(count)
    )
    return Chip(eid, key, certificate, pairs)


def batch(items: Iterable[bytes], name: str = "b1", eum: bytes | None = None) -> bytes:
    shown = eum or pki()["eum"].certificate.der
    return write_batch(name, [shown], [INFO2], items)


class Octets:
    """Octets that are always the same, and never twice the same."""

    def __init__(self, seed: str = "smdpf") -> None:
        self._seed, self._count = seed, 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return keys.seeded(self._seed, str(self._count), size=size)


@dataclass
class Bench:
    """An SM-DPf with an order and chips."""

    smdpf: SmDpf
    order: str = ""
    now: float = NOW
    calls: int = 0
    requester: dict[str, str] = field(default_factory=dict)

    def call(self, name: str, who: str, members: dict[str, Any], *parts: str) -> dict[str, Any]:
        return self.smdpf.call(name, who, members, self.now, *parts)

    def place(self, count: int = 10, **changes: Any) -> str:
        members = {"profileType": "small", "count": count, "mccMnc": "00101", **changes}
        self.order = self.call("order", MSP, members)["orderId"]
        return self.order

    def know(self, *chips: Chip, name: str = "b1", **members: Any) -> dict[str, Any]:
        made = base64.b64encode(batch([one.item() for one in chips], name)).decode()
        return self.call("batch", "eum.example", {"batch": made, **members})

    def request(self, entries: Iterable[tuple[str, str]], **members: Any) -> dict[str, Any]:
        listed = [{"eid": eid, "keyRef": ref} for eid, ref in entries]
        asked = {"orderId": self.order, "entries": listed, **members}
        return self.call("request", DM, asked)

    def bind(self, entries: Iterable[tuple[str, str]], **members: Any) -> dict[str, Any]:
        job = self.request(entries, **members)
        self.smdpf.work(self.now)
        return {**job, **self.call("job", DM, {}, job["jobId"])}

    def deliver(self, *chips: Chip, **members: Any) -> tuple[str, list[Entry]]:
        """Bind the first key of each chip and hand the delivery over."""
        shown = self.bind([(one.eid, one.refs[0]) for one in chips], **members)
        assert shown["refusals"] == []
        name = shown["deliveryId"]
        self.smdpf.hand_over(name)
        from sgprobe.peers.smdpf.records import Work

        return name, list(self.smdpf.jobs.entries(Work(self.smdpf.store), name))


def bench(
    folder: Path, *, off: Iterable[str] = (), store: Store | None = None, **changes: Any
) -> Bench:
    setup = make_setup(pki(), folder, off=frozenset(off), **changes)
    return Bench(SmDpf(setup, store or MemoryStore(), Octets()))


# --- reports ---


def item(
    sequence: int, entry: Entry | None, outcome: dict[str, Any], **changes: Any
) -> dict[str, Any]:
    value = {
        "sequence": sequence,
        "packageId": entry.package if entry else "00" * 16,
        "eid": entry.eid if entry else "00" * 16,
        "iccid": iccid_octets(entry.iccid).hex() if entry else "ff" * 10,
        "attempt": 1,
        "startedAt": "20261121061000Z",
        "durationMs": 12,
        "outcome": outcome,
    }
    return {**value, **changes}


def report(
    delivery: str, items: list[dict[str, Any]], previous: bytes | None = None, *,
    station: str = "s1", final: bool = False, **header: Any,
) -> bytes:  # fmt: skip
    value = {
        "header": {
            "reportId": hashlib.sha256(repr(items).encode()).hexdigest()[:32],
            "deliveryId": delivery,
            "stationId": station,
            "firstSequence": items[0]["sequence"] if items else 1,
            "lastSequence": items[-1]["sequence"] if items else 0,
            "previousDigest": hashlib.sha256(previous).hexdigest() if previous else "00" * 32,
            "createdAt": "20261121061000Z",
            "final": final,
            **header,
        },
        "items": items,
    }
    return codec.load("IFPP@0").encode("ProfileLoadingReport", value)


Send = Callable[[bytes], dict[str, Any]]
