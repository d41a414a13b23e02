"""The manifest of a delivery and its signature; what is signed is the file, octet for octet."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sgprobe.crypto import keys
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.errors import CertificateError, CryptoError
from sgprobe.crypto.pki import Credential

FORMAT, VERSION = "ifpp-rb-delivery", 0
ALGORITHM = "ecdsa-sha256-plain"
# RB-45
MAX_SHARD = 10_000
MAX_MANIFEST, MAX_SIGNATURE = 8 << 20, 256 << 10
_MAX_CERTIFICATES = 8
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHARD = re.compile(r"\d{4,6}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")
_EID = re.compile(r"\d{32}", re.ASCII)


class ManifestError(ValueError):
    """The manifest or its signature is not what the format says; nothing of it may be used."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What the manifest says of one shard."""

    name: str
    entries: int
    first_eid: str
    last_eid: str
    idx_sha256: str
    bin_sha256: str
    bin_bytes: int

    @property
    def idx(self) -> str:
        """The name of its index."""
        return f"shards/{self.name}.idx"

    @property
    def bin(self) -> str:
        """The name of the file with its packages."""
        return f"shards/{self.name}.bin"

    def to_json(self) -> dict[str, Any]:
        """Return the shard as it stands in the manifest."""
        return {
            "name": self.name,
            "entries": self.entries,
            "firstEid": self.first_eid,
            "lastEid": self.last_eid,
            "idxSha256": self.idx_sha256,
            "binSha256": self.bin_sha256,
            "binBytes": self.bin_bytes,
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """What the line is to do with a device, beside loading."""

    load_order: str = "as listed"
    enable_after_load: bool = False
    delete_leftover_keys: bool = True
    expect_profile_class: str = "operational"

    def to_json(self) -> dict[str, Any]:
        """Return the policy as it stands in the manifest."""
        return {
            "loadOrder": self.load_order,
            "enableAfterLoad": self.enable_after_load,
            "deleteLeftoverKeys": self.delete_leftover_keys,
            "expectProfileClass": self.expect_profile_class,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a delivery is: identifiers, validity, totals and shards."""

    delivery_id: str
    order_id: str
    request_id: str
    dm_id: str
    factory_id: str
    smdpf_oid: str
    suite: int
    created_at: datetime
    not_after: datetime
    entry_count: int = 0
    eid_count: int = 0
    shards: tuple[Shard, ...] = ()
    supersedes: str | None = None
    policy: Policy = field(default_factory=Policy)

    def to_bytes(self) -> bytes:
        """Return the file."""
        value = {
            "format": FORMAT,
            "version": VERSION,
            "deliveryId": self.delivery_id,
            "orderId": self.order_id,
            "requestId": self.request_id,
            "dmId": self.dm_id,
            "factoryId": self.factory_id,
            "smdpfOid": self.smdpf_oid,
            "suite": self.suite,
            "createdAt": time_text(self.created_at),
            "notAfter": time_text(self.not_after),
            "entryCount": self.entry_count,
            "eidCount": self.eid_count,
            "shards": [one.to_json() for one in self.shards],
            "supersedes": self.supersedes,
            "policy": self.policy.to_json(),
        }
        return json.dumps(value, indent=1).encode() + b"\n"

    def filled(self, shards: Sequence[Shard], entries: int, eids: int) -> Manifest:
        """Return the manifest with its totals."""
        return replace(self, shards=tuple(shards), entry_count=entries, eid_count=eids)


def time_text(moment: datetime) -> str:
    """Return a time as it stands in JSON: ISO 8601 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest in a file."""
    value = _object(data, MAX_MANIFEST, "manifest.json")
    if value.get("format") != FORMAT or value.get("version") != VERSION:
        raise ManifestError(f"manifest.json: no {FORMAT} of version {VERSION}")
    shards = value.get("shards")
    if not isinstance(shards, list):
        raise ManifestError("manifest.json: shards is missing")
    superseded = value.get("supersedes")
    return Manifest(
        delivery_id=_text(value, "deliveryId"),
        order_id=_text(value, "orderId"),
        request_id=_text(value, "requestId"),
        dm_id=_text(value, "dmId"),
        factory_id=_text(value, "factoryId"),
        smdpf_oid=_text(value, "smdpfOid"),
        suite=_number(value, "suite"),
        created_at=_time(value, "createdAt"),
        not_after=_time(value, "notAfter"),
        entry_count=_number(value, "entryCount"),
        eid_count=_number(value, "eidCount"),
        shards=tuple(_shard(one) for one in shards),
        supersedes=None if superseded is None else _text(value, "supersedes"),
        policy=_policy(value.get("policy")),
    )


def _shard(value: Any) -> Shard:
    if not isinstance(value, dict):
        raise ManifestError("manifest.json: a shard is no object")
    forms = {"name": _SHARD, "idxSha256": _HASH, "binSha256": _HASH}
    forms |= {"firstEid": _EID, "lastEid": _EID}
    for name, form in forms.items():
        if not isinstance(value.get(name), str) or not form.fullmatch(value[name]):
            raise ManifestError(f"manifest.json: {name} of a shard is missing or not of its form")
    return Shard(
        value["name"], _number(value, "entries"), value["firstEid"], value["lastEid"],
        value["idxSha256"], value["binSha256"], _number(value, "binBytes"),
    )  # fmt: skip


def _policy(value: Any) -> Policy:
    if not isinstance(value, dict):
        raise ManifestError("manifest.json: policy is missing")
    flags = {}
    for name in ("enableAfterLoad", "deleteLeftoverKeys"):
        if not isinstance(value.get(name), bool):
            raise ManifestError(f"manifest.json: {name} of the policy is missing")
        flags[name] = value[name]
    expected = value.get("expectProfileClass")
    if expected not in ("test", "provisioning", "operational"):
        raise ManifestError("manifest.json: expectProfileClass names no profile class")
    if value.get("loadOrder") != "as listed":
        raise ManifestError("manifest.json: the only load order is 'as listed'")
    return Policy("as listed", flags["enableAfterLoad"], flags["deleteLeftoverKeys"], expected)


def _object(data: bytes, most: int, name: str) -> dict[str, Any]:
    if len(data) > most:
        raise ManifestError(f"{name}: more than {most} octets")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise ManifestError(f"{name}: no JSON") from None
    if not isinstance(value, dict):
        raise ManifestError(f"{name}: no JSON object")
    return value


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not _IDENTIFIER.fullmatch(text):
        raise ManifestError(f"manifest.json: {name} is missing or no identifier")
    return text


def _number(value: dict[str, Any], name: str) -> int:
    number = value.get(name)
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ManifestError(f"manifest.json: {name} is missing or no number")
    return number


def _time(value: dict[str, Any], name: str) -> datetime:
    text = value.get(name)
    try:
        if not isinstance(text, str) or not text.endswith("Z"):
            raise ValueError
        return datetime.fromisoformat(text)
    except ValueError:
        raise ManifestError(f"manifest.json: {name} is no time in UTC") from None


# --- the signature ---


def sign_manifest(data: bytes, signer: Credential) -> bytes:
    """Return manifest.sig over the octets of a manifest."""
    value = {
        "alg": ALGORITHM,
        "certificates": [base64.b64encode(one.der).decode() for one in signer.path],
        "signature": base64.b64encode(keys.sign(signer.key, data)).decode(),
    }
    return json.dumps(value, indent=1).encode() + b"\n"


def check_signature(
    data: bytes,
    signature: bytes,
    anchors: Sequence[Anchor],
    now: datetime | None = None,
    *,
    strict: bool = True,
) -> Certificate:
    """Return the certificate that signed a manifest, or say what is wrong with it. RB-40.

    A line that is not `strict` believes whatever certificate is there.
    """
    value = _object(signature, MAX_SIGNATURE, "manifest.sig")
    if value.get("alg") != ALGORITHM:
        raise ManifestError(f"manifest.sig: alg is not {ALGORITHM}")
    chain = value.get("certificates")
    if not isinstance(chain, list) or not 0 < len(chain) <= _MAX_CERTIFICATES:
        raise ManifestError("manifest.sig: certificates is missing")
    try:
        path = [read_certificate(_octets(one)) for one in chain]
        raw = _octets(value.get("signature"))
    except CertificateError as error:
        raise ManifestError(f"manifest.sig: {error}") from None
    leaf = path[0]
    if not strict:
        return leaf
    try:
        genuine = leaf.public_key is not None and keys.verify(leaf.public_key, raw, data)
    except CryptoError:
        genuine = False
    if not genuine:
        raise ManifestError("manifest.sig: the signature does not cover manifest.json")
    report = verify(path, anchors, Need("dppb"), now=now)
    if not report.ok:
        failed = report.failures[0]
        raise ManifestError(f"manifest.sig: the certificate fails {failed.rule}")
    return leaf


def _octets(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ManifestError("manifest.sig: a member is no base64") from None
