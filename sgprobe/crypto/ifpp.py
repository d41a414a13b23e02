"""A profile bound to a one-time key of an eUICC that is far away, and the package opened again.

docs/reference/ifpp.md has the rules of the binding. Binding makes two things: the load context
(FF41), which is signed, and the bound profile package (BF36), which is that of SGP.22.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dissectors.asn1 import codec
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, read_tlv, split, tlv
from sgprobe.crypto import bpp, keys
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.bsp import Bsp, read_replace_session_keys
from sgprobe.crypto.errors import SegmentError
from sgprobe.crypto.ifpp_keys import (
    SPEC,
    Hybrid,
    OneTimeKey,
    OneTimePublic,
    Suite,
    own_session_keys,
    session_keys,
)
from sgprobe.crypto.kdf import SessionKeys

TRANSACTION_OCTETS = HOST_ID_OCTETS = 16
PACKAGE_ID_OCTETS = 16
CONFIGURE = bytes.fromhex("BF2400")
# the first octets of the parts. SGP.22 §2.5.4
_ORDERS = ("bfa0a1a3", "bfa0a1a2a3")
GENERALIZED = "%Y%m%d%H%M%SZ"

RandomSource = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Binder:
    """What an SM-DPf binds with: SK.DPpb, and the certificates that go along, CERT.DPpb first.

    Suite h1s also needs an ML-DSA key, whose certificate stands among them.
    """

    key: keys.PrivateKey = field(repr=False)
    certificates: tuple[bytes, ...]
    oid: str
    # key id of the CI
    ci: bytes
    quantum: quantum.SigningKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """A profile to bind: its ICCID as in EF ICCID, its metadata (BF25) and its elements."""

    iccid: bytes
    metadata: bytes
    elements: bytes | bpp.Protected = field(repr=False)
    configure: bytes = CONFIGURE


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound profile: everything that an FPA pushes."""

    eid: bytes
    public: OneTimePublic
    iccid: bytes
    transaction: bytes
    # FF41 and BF36
    context: bytes = field(repr=False)
    package: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the BF36, as the context names it."""
        return hashlib.sha256(self.package).digest()

    def encoded(self, package_id: bytes) -> bytes:
        """Return the PreboundPackage (FF48)."""
        value: Value = {
            "packageId": package_id.hex(),
            "eid": self.eid.hex(),
            "keyRef": self.public.ref.hex(),
            "iccid": self.iccid.hex(),
            "transactionId": self.transaction.hex(),
            "loadContext": self.context.hex(),
            "boundProfilePackage": self.package.hex(),
        }
        return codec.load(SPEC).encode("PreboundPackage", value)


def bind(
    binder: Binder,
    eid: bytes,
    public: OneTimePublic,
    content: Content,
    *,
    transaction: bytes | None = None,
    not_after: datetime | None = None,
    announced: bpp.Announced = bpp.USUAL,
    mixes: bool = True,
    ordered: bool = True,
    random: RandomSource = os.urandom,
) -> Bound:
    """Bind a profile to one one-time key; the server's own half is forgotten with the call.

    QuantumUnavailable says that the suite cannot be used here. A hybrid suite takes the secret of
    its encapsulation from the library, whatever `random` is. Where it does not mix, which is a
    fault, that secret stays out of the keys; where it is not ordered, which is another, the parts
    of the package stand the other way round.
    """
    used = random(TRANSACTION_OCTETS) if transaction is None else transaction
    host_id = random(HOST_ID_OCTETS)
    own = keys.derive_key(random(32).hex(), "otSK.DP", keys.Curve.P256)
    hybrid, ciphertext = None, b""
    if public.suite.hybrid:
        secret, ciphertext = quantum.encapsulate(public.kem)
        hybrid = Hybrid.of(secret, public.kem, ciphertext) if mixes else None
    session = session_keys(keys.ecdh(own, public.point), host_id, eid, hybrid)
    channel = bpp.secure_channel(
        binder.key, used, host_id, keys.point(own), public.point, announced
    )
    sealed = bpp.seal(session, content.metadata, content.configure, content.elements)
    package = tlv("BF36", channel, *(sealed if ordered else reversed(sealed)))
    tbs: Value = {
        "bindingVersion": "v0",
        "suite": public.suite.label,
        "eid": eid.hex(),
        "keyRef": public.ref.hex(),
        "transactionId": used.hex(),
        "ciPkId": binder.ci.hex(),
        "smdpfOid": binder.oid,
        "iccid": content.iccid.hex(),
        "bf23Digest": hashlib.sha256(channel).hexdigest(),
        "bppDigest": hashlib.sha256(package).hexdigest(),
        "bppLength": len(package),
    }
    if ciphertext:
        tbs["kemCiphertext"] = ciphertext.hex()
    if not_after is not None:
        tbs["notAfter"] = not_after.strftime(GENERALIZED)
    context = load_context(binder, tbs)
    return Bound(eid, public, content.iccid, used, context, package)


def load_context(binder: Binder, tbs: Value) -> bytes:
    """Return the signed load context (FF41) of a LoadContextTbs."""
    loaded = codec.load(SPEC)
    signed = loaded.encode("LoadContextTbs", tbs)
    value: Value = {"tbs": tbs, "signature": keys.sign(binder.key, signed).hex()}
    if tbs["suite"] == Suite.H1S.label:
        if binder.quantum is None:
            raise quantum.QuantumUnavailable("suite h1s needs an ML-DSA key, and there is none")
        value["pqSignature"] = binder.quantum.sign(signed).hex()
    value["certificates"] = [der.hex() for der in binder.certificates]
    return loaded.encode("IfppLoadContextRequest", value)


# --- the other end ---


@dataclass(frozen=True, slots=True)
class Opened:
    """What was inside a package."""

    configure: bytes
    metadata: bytes
    elements: bytes = field(repr=False)
    # what opened it: session keys, and those of the profile where it was protected before
    keys: tuple[SessionKeys, ...] = field(default=(), repr=False)


def open_package(pair: OneTimeKey, eid: bytes, context: bytes, package: bytes) -> Opened:
    """Open a bound package with the one-time key that it is bound to; signatures are not judged.

    SegmentError says that it does not open with this key, KeyFormatError that there is no key.
    """
    tbs = codec.load(SPEC).decode("IfppLoadContextRequest", context)
    first = next(iter(_parts(package)), b"")
    channel = codec.load("SGP.22@2.7").decode("InitialiseSecureChannelRequest", first)
    if not (tbs.ok and channel.ok):
        raise SegmentError("format", "context or secure channel cannot be read")
    host_id = bytes.fromhex(channel.value["controlRefTemplate"]["hostId"])
    peer = bytes.fromhex(channel.value["smdpOtpk"])
    ciphertext = bytes.fromhex(tbs.value["tbs"].get("kemCiphertext", ""))
    return unseal(own_session_keys(pair, peer, host_id, eid, ciphertext), package)


def unseal(session: SessionKeys, package: bytes) -> Opened:
    """Open a bound package with its session keys."""
    parts = _parts(package)
    given = {part[:1]: _parts(part) for part in parts[1:]}
    if "".join(part[:1].hex() for part in parts) not in _ORDERS:
        raise SegmentError("format", "a package is BF23, A0, A1, A2 where it is needed, and A3")
    bsp, used = Bsp(session), [session]
    configure = b"".join(map(bsp.open, given[b"\xa0"]))
    metadata = b"".join(map(bsp.open_mac_only, given[b"\xa1"]))
    if b"\xa2" in given:
        plain = b"".join(map(bsp.open, given[b"\xa2"]))
        used.append(read_replace_session_keys(plain))
        bsp.replace_keys(used[-1])
    return Opened(configure, metadata, b"".join(map(bsp.open, given[b"\xa3"])), tuple(used))


def _parts(whole: bytes) -> Sequence[bytes]:
    try:
        outer = read_tlv(whole)
        return [whole[one.start : one.end] for one in split(whole, outer.body, outer.end)]
    except TlvError as error:
        raise SegmentError("format", f"the package is no TLV: {error}") from None
