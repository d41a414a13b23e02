"""Looks into packages of an SM-DPf with the one-time keys that they are bound to."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.tlv import TlvError, read_tlv, split, tlv
from dissectors.spec.identity import IdentityError, eid_octets, iccid_text
from sgprobe.crypto.bsp import MAX_SEGMENT
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.errors import CryptoError
from sgprobe.crypto.ifpp import Opened, open_package
from sgprobe.crypto.ifpp_keys import SPEC, OneTimeKey, signed_part
from sgprobe.crypto.keys import PublicKey
from sgprobe.crypto.keys import verify as verify_plain
from sgprobe.crypto.signing import SMDP_SIGN
from sgprobe.peers.delivery.entry import Contents
from sgprobe.peers.euicc.interpreter import Aborted, Interpreter
from sgprobe.peers.euicc.rules import RULES
from sgprobe.peers.rules import Rules

_RSP = "SGP.22@2.5"
_ROOM = 1 << 22
_IMSI = "6f07"
# BF23, A0, A1, A2 where there are keys of the profile, A3. SGP.22 §2.5.4
_ORDERS = ("bf23a0a1a3", "bf23a0a1a2a3")
_SHORTEST = 8
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")


@dataclass(slots=True)
class Look:
    """What was found in one package; a text says what is wrong, "" that nothing is."""

    opened: str = ""
    signed: str = ""
    chained: str = ""
    formed: str = ""
    # what no other binding may have: the server's one-time key, the transaction, the ciphertext
    marks: tuple[str, ...] = ()
    # of the subscription inside: what nobody may read
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    # what opens the package: what nobody but its eUICC may have
    keys: tuple[bytes, ...] = field(default=(), repr=False)


def look(
    package: Contents, pair: OneTimeKey | None, anchors: Sequence[Anchor], now: datetime
) -> Look:
    """Look into one package, as the eUICC could that has the one-time key."""
    found = Look()
    decoded = codec.load(SPEC).decode("IfppLoadContextRequest", package.context)
    value = decoded.value
    if not decoded.ok or not isinstance(value, dict):
        found.opened = found.signed = found.chained = "the load context cannot be read"
        return found
    try:
        parts = _parts(package.bound)
    except TlvError as error:
        found.opened = found.signed = found.formed = f"the package is no TLV: {error}"
        return found
    found.formed = _form(parts)
    if found.formed:
        found.opened = found.signed = found.formed
        return found
    found.chained, signer = _chain(value["certificates"], anchors, now)
    found.marks = _marks(value["tbs"], parts)
    if pair is None:
        found.opened = found.signed = "no eUICC of this EID has such a one-time key"
        return found
    found.signed = _signatures(package, value, parts, pair, signer)
    try:
        opened = open_package(pair, eid_octets(package.eid), package.context, package.bound)
    except (CryptoError, IdentityError) as error:
        found.opened = f"it does not open: {error}"
        return found
    found.keys = tuple(key for one in opened.keys for key in (one.enc, one.mac))
    found.opened, found.secrets = _inside(package, opened)
    return found


def _parts(whole: bytes) -> list[bytes]:
    outer = read_tlv(whole)
    return [whole[one.start : one.end] for one in split(whole, outer.body, outer.end)]


def _form(parts: list[bytes]) -> str:
    tags = "".join(read_tlv(one).tag.hex() for one in parts)
    if tags not in _ORDERS:
        return f"the parts of the package are {tags}"
    for part in parts[1:]:
        for segment in _parts(part):
            if len(segment) > MAX_SEGMENT:
                return f"a segment has {len(segment)} octets, at most {MAX_SEGMENT}"
    return ""


def _chain(
    shown: list[str], anchors: Sequence[Anchor], now: datetime
) -> tuple[str, Certificate | None]:
    """Say what is wrong with the certificates of a context, and return the first of them."""
    try:
        path = [read_certificate(bytes.fromhex(one)) for one in shown]
    except CryptoError as error:
        return f"a certificate cannot be read: {error}", None
    if not path:
        return "there is no certificate", None
    roots = {one.ski for one in anchors}
    if any(one.ski in roots for one in path):
        return "the CI's certificate is among them", path[0]
    report = verify(path, anchors, Need("dppb"), now=now)
    return ", ".join(check.rule for check in report.failures), path[0]


def _marks(tbs: dict[str, Any], parts: list[bytes]) -> tuple[str, ...]:
    channel = codec.load(_RSP).decode("InitialiseSecureChannelRequest", parts[0]).value
    own = channel.get("smdpOtpk", "") if isinstance(channel, dict) else ""
    made = [f"transaction {tbs['transactionId']}", f"otPK.DP {own}"]
    if "kemCiphertext" in tbs:
        made.append(f"ciphertext {hashlib.sha256(bytes.fromhex(tbs['kemCiphertext'])).hexdigest()}")
    return tuple(made)


def _signatures(
    package: Contents,
    value: dict[str, Any],
    parts: list[bytes],
    pair: OneTimeKey,
    signer: Certificate | None,
) -> str:
    tbs = value["tbs"]
    names = (("eid", package.eid), ("keyRef", package.key_ref),
             ("transactionId", package.transaction_id),
             ("bf23Digest", hashlib.sha256(parts[0]).hexdigest()),
             ("bppDigest", hashlib.sha256(package.bound).hexdigest()))  # fmt: skip
    for name, wanted in names:
        if tbs[name] != wanted:
            return f"the context has another {name} than its package"
    key = signer.public_key if signer is not None else None
    if key is None:
        return "there is no key to judge signatures with"
    if not verify_plain(key, bytes.fromhex(value["signature"]), signed_part(package.context)):
        return "the signature of the load context is wrong"
    return _channel(parts[0], pair, key)


def _channel(channel: bytes, pair: OneTimeKey, key: PublicKey) -> str:
    """Judge smdpSign over BF23 and the one-time key of the target. SGP.22 §5.5.1."""
    inside = {read_tlv(one).tag.hex(): one for one in _parts(channel)}
    try:
        given = [inside[tag] for tag in ("82", "80", "a6", "5f49")]
        signature = inside["5f37"]
    except KeyError as error:
        return f"BF23 has no {error}"
    peer = tlv("5F49", pair.public.point)
    if not SMDP_SIGN.verify(key, signature, *given, peer):
        return "smdpSign is wrong for the one-time key of the target"
    return ""


def _inside(package: Contents, opened: Opened) -> tuple[str, tuple[bytes, ...]]:
    """Carry out what is inside a package; return the secrets of the subscription."""
    metadata = codec.load(_RSP).decode("StoreMetadataRequest", opened.metadata).value
    if not isinstance(metadata, dict):
        return "there are no metadata inside", ()
    try:
        iccid = iccid_text(bytes.fromhex(metadata["iccid"]))
    except IdentityError as error:
        return f"the metadata: {error}", ()
    if iccid != package.iccid:
        return f"the profile inside has the ICCID {iccid}", ()
    interpreter = Interpreter(Rules(RULES), _ROOM)
    try:
        interpreter.feed(opened.elements)
        interpreter.finish()
    except Aborted as error:
        return f"the profile cannot be installed: {error}", ()
    return "", _secrets(interpreter)


def _secrets(interpreter: Interpreter) -> tuple[bytes, ...]:
    """Return what authenticates a subscription, and its codes."""
    contents = interpreter.contents
    found = [] if contents.aka is None else [contents.aka.key, contents.aka.opc]
    for application in contents.applications:
        imsi = application.children.get(_IMSI)
        found += [bytes(imsi.content)] if imsi is not None else []
        found += [puk.value for puk in application.puks.values()]
    return tuple({one for one in found if len(one) >= _SHORTEST and len(set(one)) > 2})


def leaks(secrets: Iterable[bytes], said: Iterable[bytes]) -> int:
    """Count the secrets that stand in what was said: as octets, in hex, or in base64."""
    wanted = set(secrets)
    found: set[bytes] = set()
    for octets in said:
        for text in (octets, *_decoded(octets)):
            lowered = text.lower()
            found |= {
                one for one in wanted - found
                if one in text or one.hex().encode() in lowered
            }  # fmt: skip
    return len(found)


def _decoded(octets: bytes) -> list[bytes]:
    if b"{" not in octets[:64]:
        return []
    found = []
    for text in _BASE64.findall(octets):
        try:
            found.append(base64.b64decode(text + b"=" * (-len(text) % 4)))
        except ValueError:
            continue
    return found
