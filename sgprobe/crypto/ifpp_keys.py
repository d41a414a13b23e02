"""One-time keys of the IFPP binding: suites, pairs, what proves them, what they agree on.

docs/reference/ifpp.md has the rules. The eUICC makes the pairs when it is personalised and gives
the public halves away; each serves one profile.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import read_tlv
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto import kdf, keys
from sgprobe.crypto.errors import CryptoError, KeyFormatError
from sgprobe.crypto.kdf import SessionKeys

SPEC = "IFPP@0"
REF_OCTETS = 8
_LABEL = b"IFPP-RB-H1"


class Suite(IntEnum):
    """The suites of the binding, by their numbers on the wire."""

    C1 = 1
    H1 = 2
    H1S = 3

    @property
    def hybrid(self) -> bool:
        """Whether an ML-KEM secret goes into the session keys."""
        return self is not Suite.C1

    @property
    def label(self) -> str:
        """The name in the module."""
        return self.name.lower()


def unavailable(suite: Suite) -> str | None:
    """Return why a suite cannot be used here, or None where it can."""
    if suite is Suite.C1:
        return None
    missing = quantum.missing_kem()
    return missing or (quantum.missing_signature() if suite is Suite.H1S else None)


def available() -> tuple[Suite, ...]:
    """Return the suites that can be used here."""
    return tuple(suite for suite in Suite if unavailable(suite) is None)


@dataclass(frozen=True, slots=True)
class OneTimePublic:
    """The public half: what an SM-DPf binds to."""

    ref: bytes
    suite: Suite
    point: bytes
    # the encapsulation key of a hybrid suite
    kem: bytes = b""


@dataclass(frozen=True, slots=True)
class OneTimeKey:
    """The pair, which lives in the eUICC; all of it comes from the reference and the seed."""

    ref: bytes
    suite: Suite
    seed: bytes = field(repr=False)

    @property
    def private(self) -> keys.PrivateKey:
        """otSK.EUICC on P-256."""
        return keys.derive_key(self.seed.hex(), f"ifpp {self.ref.hex()}", keys.Curve.P256)

    @property
    def kem(self) -> quantum.KemKey:
        """The decapsulation key of a hybrid suite."""
        name = f"ifpp {self.ref.hex()}"
        return quantum.KemKey(keys.seeded(self.seed.hex(), "kem", name, size=quantum.KEM_SEED))

    @property
    def public(self) -> OneTimePublic:
        """The public half."""
        kem = self.kem.public if self.suite.hybrid else b""
        return OneTimePublic(self.ref, self.suite, keys.point(self.private), kem)


@dataclass(frozen=True, slots=True)
class Hybrid:
    """What a hybrid suite adds to the agreement: the KEM's secret, and what it was made from."""

    secret: bytes = field(repr=False)
    digest: bytes

    @classmethod
    def of(cls, secret: bytes, encapsulation_key: bytes, ciphertext: bytes) -> Hybrid:
        """Return the addition of one encapsulation."""
        made = hashlib.sha256(_LABEL + encapsulation_key + ciphertext).digest()
        return cls(secret, made)


def session_keys(
    secret: bytes, host_id: bytes, eid: bytes, hybrid: Hybrid | None = None
) -> SessionKeys:
    """Return the keys of a package; a hybrid suite concatenates both secrets."""
    if hybrid is None:
        return kdf.session_keys(secret, host_id, eid)
    also = bytes([len(hybrid.digest)]) + hybrid.digest
    return kdf.session_keys(secret + hybrid.secret, host_id, eid, also=also)


def own_session_keys(
    pair: OneTimeKey, peer: bytes, host_id: bytes, eid: bytes, ciphertext: bytes = b""
) -> SessionKeys:
    """Return the keys as the eUICC computes them; `peer` is the server's one-time point."""
    hybrid = None
    if pair.suite.hybrid:
        kem = pair.kem
        hybrid = Hybrid.of(kem.decapsulate(ciphertext), kem.public, ciphertext)
    return session_keys(keys.ecdh(pair.private, peer), host_id, eid, hybrid)


# --- proofs ---


class ProofError(CryptoError):
    """A one-time key that is not to be bound to; `reason` is `format`, `eid`, `key` or `proof`."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def signed_part(whole: bytes) -> bytes:
    """Return what a signature covers: the DER of `tbs`, first in the SEQUENCE `whole`.

    Its tag is that of the type, 30, in place of the one that says where it stands.
    """
    outer = read_tlv(whole)
    inner = read_tlv(whole, outer.body, outer.end)
    return b"\x30" + whole[inner.start + len(inner.tag) : inner.end]


def prove(eid: bytes, public: OneTimePublic, signer: keys.PrivateKey) -> Value:
    """Return the OneTimePublicKey of a public half, signed with SK.EUICC."""
    tbs: Value = {
        "eid": eid.hex(),
        "keyRef": public.ref.hex(),
        "suite": public.suite.label,
        "ecPublicKey": public.point.hex(),
    }
    if public.suite.hybrid:
        tbs["kemPublicKey"] = public.kem.hex()
    signature = keys.sign(signer, codec.load(SPEC).encode("OtkTbs", tbs))
    return {"tbs": tbs, "signature": signature.hex()}


def check_proof(raw: bytes, eid: str, signer: keys.PublicKey) -> OneTimePublic:
    """Return the public half of a OneTimePublicKey, if it is this eUICC's and may be bound to."""
    decoded = codec.load(SPEC).decode("OneTimePublicKey", raw)
    if not decoded.ok:
        raise ProofError("format", f"a one-time key cannot be read: {decoded.findings[0].text}")
    tbs = decoded.value["tbs"]
    if tbs["eid"] != eid:
        raise ProofError("eid", f"the one-time key {tbs['keyRef']} is of EID {tbs['eid']}")
    if not keys.verify(signer, bytes.fromhex(decoded.value["signature"]), signed_part(raw)):
        raise ProofError("proof", f"the one-time key {tbs['keyRef']} is not signed by its eUICC")
    try:
        return _public(tbs)
    except KeyFormatError as error:
        raise ProofError("key", f"the one-time key {tbs['keyRef']}: {error}") from None


def _public(tbs: Value) -> OneTimePublic:
    point, kem = bytes.fromhex(tbs["ecPublicKey"]), bytes.fromhex(tbs.get("kemPublicKey", ""))
    if tbs["suite"] not in {suite.label for suite in Suite}:
        raise KeyFormatError(f"suite {tbs['suite']} is not known")
    suite = Suite[tbs["suite"].upper()]
    keys.public_from_point(keys.Curve.P256, point)
    if suite.hybrid:
        quantum.kem_public(kem)
    elif kem:
        raise KeyFormatError("a key of suite c1 has no ML-KEM half")
    return OneTimePublic(bytes.fromhex(tbs["keyRef"]), suite, point, kem)
