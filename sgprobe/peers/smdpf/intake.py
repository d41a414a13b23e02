"""eUICC data by both routes: each eUICC is taken or refused on its own. Esed1, Esbpp, DPFF10."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dissectors.asn1 import codec
from dissectors.spec.identity import is_eid
from sgprobe.crypto.certificates import Certificate
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp_data import BatchError, DataItem, read_batch
from sgprobe.crypto.ifpp_keys import SPEC, OneTimePublic, ProofError, Suite, check_proof
from sgprobe.crypto.keys import PublicKey
from sgprobe.peers.es9.euicc import EuiccJudge
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.rules import Rules
from sgprobe.peers.smdpf.records import EuiccData, Key, Work
from sgprobe.peers.smdpf.status import refuse, told

MAX_ITEMS = 10_000
MAX_KEYS = 256
_PROOFS = {"eid": ("EID-SAME", "eid-mismatch"), "proof": ("KEY-PROOF", "key-proof"),
           "key": ("KEY-POINT", "key-invalid")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intake:
    """Judges batches of eUICC data (FF47)."""

    rules: Rules
    judge: EuiccJudge

    def take(self, work: Work, batch: bytes, dm: str, now: float) -> dict[str, Any]:
        """Take a batch; `dm` is whose eUICCs these are, where that is known."""
        try:
            read = read_batch(batch)
        except BatchError as error:
            raise refuse("element-invalid", str(error)[:200]) from None
        if len(read.items) > MAX_ITEMS:
            raise refuse("element-invalid", f"a batch has at most {MAX_ITEMS} items")
        if not read.eum_certificates:
            raise refuse("eum-invalid", "the batch has no EUM certificate")
        eum = read.eum_certificates[0]
        chain = _keep(work, "eum", eum)
        accepted: list[str] = []
        refused: list[dict[str, Any]] = []
        members: list[str] = list(work.get(f"batch/{read.batch_id}") or ())
        for item in read.items:
            try:
                data = self._judge(item, eum, chain, dm, now)
                bad = list(self._add_keys(work, data, item, read.batch_id))
            except Refusal as refusal:
                refused.append({"eid": item.eid, **told(refusal)})
                continue
            refused += [{"eid": item.eid, **one} for one in bad]
            if len(bad) < len(item.one_time_keys) or not item.one_time_keys:
                accepted.append(item.eid)
                members.append(item.eid)
        work.put(f"batch/{read.batch_id}", members)
        return {"batchId": read.batch_id, "accepted": accepted, "refused": refused}

    def _judge(self, item: DataItem, eum: bytes, chain: str, dm: str, now: float) -> _Judged:
        if not is_eid(item.eid) and self.rules.on("SMDPF.EID-DIGITS"):
            raise refuse("eid-digits", item.eid)
        certificate = self.judge.judge(item.certificate, eum, now, None)
        if certificate.serial_number != item.eid and self.rules.on("SMDPF.EID-SAME"):
            raise refuse("eid-mismatch", "the certificate is of another eUICC")
        if certificate.public_key is None:
            raise refuse("euicc-invalid", "no usable key")
        if item.info is None:
            raise refuse("element-missing", "euiccInfo2")
        if len(item.one_time_keys) > MAX_KEYS:
            raise refuse("element-invalid", f"at most {MAX_KEYS} one-time keys")
        return _Judged(certificate, certificate.public_key, chain, item.info, dm)

    def _add_keys(
        self, work: Work, judged: _Judged, item: DataItem, batch: str
    ) -> Iterator[dict[str, Any]]:
        """Add the keys of an item that are right; give the refusals of the others."""
        data = work.euicc(item.eid)
        if data is None:
            data = EuiccData(item.eid, "", "", "", judged.dm)
        elif data.dm != judged.dm and data.dm and self.rules.on("SMDPF.DATA-DM"):
            raise refuse("not-allowed", "the eUICC is another device maker's")
        data = replace(
            data,
            certificate=base64.b64encode(item.certificate).decode(),
            eum=judged.chain,
            info2=_keep(work, "info2", judged.info),
            dm=data.dm or judged.dm,
        )
        known = dict(data.keys)
        for raw in item.one_time_keys:
            try:
                public = self._key(raw, item.eid, judged.key)
                name = public.ref.hex()
                digest = hashlib.sha256(public.point).hexdigest()
                holder = f"{item.eid} {name}"
                first = work.get(f"otk/{digest}")
                if first == holder and known.get(name):
                    # the same data by the other route, or sent again
                    continue
                if (first or name in known) and self.rules.on("SMDPF.KEY-UNIQUE"):
                    raise refuse("key-repeated", "the same one-time key, or the same reference")
            except Refusal as refusal:
                yield {"keyRef": _ref(raw), **told(refusal)}
                continue
            work.put(f"otk/{digest}", holder)
            kem = base64.b64encode(public.kem).decode() if public.kem else ""
            known[name] = Key(int(public.suite), public.point.hex(), kem, batch)
        if known or not item.one_time_keys:
            work.save_euicc(replace(data, keys=known))

    def _key(self, raw: bytes, eid: str, signer: PublicKey) -> OneTimePublic:
        try:
            return check_proof(raw, eid, signer)
        except ProofError as error:
            rule, status = _PROOFS.get(error.reason, ("", "key-invalid"))
            if rule and not self.rules.on(f"SMDPF.{rule}"):
                return _unproved(raw)
            raise refuse(status, str(error)) from None
        except CryptoError as error:
            raise refuse("suite-unknown", str(error)) from None


@dataclass(frozen=True, slots=True)
class _Judged:
    certificate: Certificate
    key: PublicKey
    chain: str
    info: bytes
    dm: str


def _keep(work: Work, kind: str, octets: bytes) -> str:
    """Keep octets that many eUICCs share, and return their name."""
    name = hashlib.sha256(octets).hexdigest()
    if work.get(f"{kind}/{name}") is None:
        work.put(f"{kind}/{name}", base64.b64encode(octets).decode())
    return name


def shared(work: Work, kind: str, name: str) -> bytes:
    """Return octets that were kept."""
    return base64.b64decode(work.get(f"{kind}/{name}") or "")


def _unproved(raw: bytes) -> OneTimePublic:
    """Return a key as it says that it is: what an SM-DPf does that does not check."""
    tbs = codec.load(SPEC).decode("OneTimePublicKey", raw).value["tbs"]
    return OneTimePublic(
        bytes.fromhex(tbs["keyRef"]),
        Suite[tbs["suite"].upper()],
        bytes.fromhex(tbs["ecPublicKey"]),
        bytes.fromhex(tbs.get("kemPublicKey", "")),
    )


def _ref(raw: bytes) -> str:
    value = codec.load(SPEC).decode("OneTimePublicKey", raw).value
    try:
        return str(value["tbs"]["keyRef"])
    except (TypeError, KeyError):
        return ""


def compromise(work: Work, batch: str) -> list[str]:
    """Block the keys of a batch; return the ICCIDs that are bound to one of them. INO1."""
    bound = []
    for eid in work.get(f"batch/{batch}") or ():
        data = work.euicc(eid)
        if data is None:
            continue
        keys = {}
        for ref, key in data.keys.items():
            if key.batch == batch:
                key = replace(key, blocked=True)
                bound += [key.iccid] if key.iccid else []
            keys[ref] = key
        work.save_euicc(replace(data, keys=keys))
    return bound
