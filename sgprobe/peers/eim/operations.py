"""What an operator can order, one class for each operation, and its JER value in a package.

The classes are the table: names and types of their fields make the JSON of the operator interface
and its OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from dissectors.asn1.model import Value
from dissectors.spec.identity import iccid_octets
from sgprobe.crypto import keys
from sgprobe.crypto.certificates import read_certificate
from sgprobe.peers.eim.records import Kind
from sgprobe.peers.euicc.values import bit_string


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an order; `since` is the first version of SGP.32 that has it."""

    op: ClassVar[str]
    kind: ClassVar[Kind]
    since: ClassVar[str] = "1.0.1"

    def value(self) -> Value:
        """Return the operation as it stands in the package."""
        raise NotImplementedError


def _iccid(text: str) -> str:
    return iccid_octets(text).hex()


@dataclass(frozen=True, slots=True)
class Enable(Operation):
    """Enable a profile; with `rollback` the IPA may go back if its result cannot be delivered."""

    op: ClassVar[str] = "enable"
    kind: ClassVar[Kind] = Kind.PSMO
    iccid: str
    rollback: bool = False

    def value(self) -> Value:
        flag = {"rollbackFlag": None} if self.rollback else {}
        return {"enable": {"iccid": _iccid(self.iccid), **flag}}


@dataclass(frozen=True, slots=True)
class Disable(Operation):
    """Disable a profile."""

    op: ClassVar[str] = "disable"
    kind: ClassVar[Kind] = Kind.PSMO
    iccid: str

    def value(self) -> Value:
        return {"disable": {"iccid": _iccid(self.iccid)}}


@dataclass(frozen=True, slots=True)
class Delete(Operation):
    """Delete a profile."""

    op: ClassVar[str] = "delete"
    kind: ClassVar[Kind] = Kind.PSMO
    iccid: str

    def value(self) -> Value:
        return {"delete": {"iccid": _iccid(self.iccid)}}


@dataclass(frozen=True, slots=True)
class ListProfiles(Operation):
    """List the profiles: all, or the one with an ICCID; `tags` are bare tags in hex."""

    op: ClassVar[str] = "list-profiles"
    kind: ClassVar[Kind] = Kind.PSMO
    iccid: str | None = None
    tags: str | None = None

    def value(self) -> Value:
        wanted: Value = {}
        if self.iccid is not None:
            wanted["searchCriteria"] = {"iccid": _iccid(self.iccid)}
        if self.tags is not None:
            wanted["tagList"] = bytes.fromhex(self.tags).hex()
        return {"listProfileInfo": wanted}


@dataclass(frozen=True, slots=True)
class GetRat(Operation):
    """Get the Rules Authorisation Table."""

    op: ClassVar[str] = "get-rat"
    kind: ClassVar[Kind] = Kind.PSMO

    def value(self) -> Value:
        return {"getRAT": {}}


@dataclass(frozen=True, slots=True)
class ConfigureImmediate(Operation):
    """Let the IPA enable what it downloads, or with `enabled` false, forbid it."""

    op: ClassVar[str] = "configure-immediate-enable"
    kind: ClassVar[Kind] = Kind.PSMO
    enabled: bool = True
    smdp_oid: str | None = None
    smdp_address: str | None = None

    def value(self) -> Value:
        told: Value = {"immediateEnableFlag": None} if self.enabled else {}
        if self.smdp_oid is not None:
            told["defaultSmdpOid"] = self.smdp_oid
        if self.smdp_address is not None:
            told["defaultSmdpAddress"] = self.smdp_address
        return {"configureImmediateEnable": told}


@dataclass(frozen=True, slots=True)
class SetFallback(Operation):
    """Give a profile the fallback attribute."""

    op: ClassVar[str] = "set-fallback"
    kind: ClassVar[Kind] = Kind.PSMO
    since: ClassVar[str] = "1.1"
    iccid: str

    def value(self) -> Value:
        return {"setFallbackAttribute": {"iccid": _iccid(self.iccid)}}


@dataclass(frozen=True, slots=True)
class UnsetFallback(Operation):
    """Take the fallback attribute away."""

    op: ClassVar[str] = "unset-fallback"
    kind: ClassVar[Kind] = Kind.PSMO
    since: ClassVar[str] = "1.1"

    def value(self) -> Value:
        return {"unsetFallbackAttribute": {}}


@dataclass(frozen=True, slots=True)
class SetDefaultSmdp(Operation):
    """Set the address of the default SM-DP+."""

    op: ClassVar[str] = "set-default-smdp"
    kind: ClassVar[Kind] = Kind.PSMO
    since: ClassVar[str] = "1.1"
    address: str

    def value(self) -> Value:
        return {"setDefaultDpAddress": {"defaultDpAddress": self.address}}


ID_TYPES = {
    "oid": "eimIdTypeOid",
    "fqdn": "eimIdTypeFqdn",
    "proprietary": "eimIdTypeProprietary",
}
PROTOCOLS = ("retrieve-https", "retrieve-coaps", "inject-https", "inject-coaps", "proprietary")


def _key_data(spki: str | None, certificate: str | None, names: tuple[str, str]) -> Value:
    """Return a public key or a certificate, read so that nonsense is refused early."""
    if spki is not None:
        keys.public_from_spki(bytes.fromhex(spki))
        return {names[0]: spki.lower()}
    if certificate is not None:
        read_certificate(bytes.fromhex(certificate))
        return {names[1]: certificate.lower()}
    return None


def _protocols(names: Iterable[str]) -> Value:
    return bit_string(PROTOCOLS.index(one) for one in names)


@dataclass(frozen=True, slots=True)
class UpdateEim(Operation):
    """Change the configuration of an eIM; what is not given stays as it is.

    `key` names a key of this eIM, with which it signs once the eUICC has taken it.
    """

    op: ClassVar[str] = "update-eim"
    kind: ClassVar[Kind] = Kind.ECO
    eim_id: str
    fqdn: str | None = None
    id_type: str | None = None
    counter: int | None = None
    key: str | None = None
    public_key: str | None = None
    certificate: str | None = None
    tls_public_key: str | None = None
    tls_certificate: str | None = None
    protocols: tuple[str, ...] = ()
    ci: str | None = None
    indirect_download: bool = False

    def configuration(self) -> Value:
        """Return the EimConfigurationData."""
        signing = ("eimPublicKey", "eimCertificate")
        tls = ("trustedEimPkTls", "trustedCertificateTls")
        told: Value = {
            "eimId": self.eim_id,
            "eimFqdn": self.fqdn,
            "eimIdType": None if self.id_type is None else ID_TYPES[self.id_type],
            "counterValue": self.counter,
            "eimPublicKeyData": _key_data(self.public_key, self.certificate, signing),
            "trustedPublicKeyDataTls": _key_data(self.tls_public_key, self.tls_certificate, tls),
            "eimSupportedProtocol": _protocols(self.protocols) if self.protocols else None,
            "euiccCiPKId": None if self.ci is None else bytes.fromhex(self.ci).hex(),
        }
        told = {name: one for name, one in told.items() if one is not None}
        return {**told, "indirectProfileDownload": None} if self.indirect_download else told

    def value(self) -> Value:
        return {"updateEim": self.configuration()}


@dataclass(frozen=True, slots=True)
class AddEim(UpdateEim):
    """Associate another eIM; with `token` the eUICC gives it an association token."""

    op: ClassVar[str] = "add-eim"
    token: bool = False

    def value(self) -> Value:
        told = self.configuration()
        if self.token:
            told["associationToken"] = -1
        return {"addEim": told}


@dataclass(frozen=True, slots=True)
class DeleteEim(Operation):
    """Take the association of an eIM away."""

    op: ClassVar[str] = "delete-eim"
    kind: ClassVar[Kind] = Kind.ECO
    eim_id: str

    def value(self) -> Value:
        return {"deleteEim": {"eimId": self.eim_id}}


@dataclass(frozen=True, slots=True)
class ListEim(Operation):
    """List the associated eIMs."""

    op: ClassVar[str] = "list-eim"
    kind: ClassVar[Kind] = Kind.ECO

    def value(self) -> Value:
        return {"listEim": {}}


@dataclass(frozen=True, slots=True)
class GetData(Operation):
    """Ask the IPA for data of the eUICC and the device; `tags` are names of `eim.data.TAGS`.

    `notification` and `result` pick one by its sequence number, `event` picks notifications.
    """

    op: ClassVar[str] = "get-data"
    kind: ClassVar[Kind] = Kind.DATA
    tags: tuple[str, ...]
    ci: str | None = None
    notification: int | None = None
    event: str | None = None
    result: int | None = None


@dataclass(frozen=True, slots=True)
class Download(Operation):
    """Have a profile downloaded; without any address the default SM-DP+ is asked.

    `smds` is an SM-DS to ask for events, "" for the root SM-DS. `code` is the confirmation code.
    """

    op: ClassVar[str] = "download"
    kind: ClassVar[Kind] = Kind.DOWNLOAD
    activation_code: str | None = None
    smdp: str | None = None
    matching_id: str | None = None
    oid: str | None = None
    smds: str | None = None
    code: str | None = None
    indirect: bool = False


OPERATIONS: dict[str, type[Operation]] = {
    one.op: one
    for one in (
        Enable,
        Disable,
        Delete,
        ListProfiles,
        GetRat,
        ConfigureImmediate,
        SetFallback,
        UnsetFallback,
        SetDefaultSmdp,
        AddEim,
        UpdateEim,
        DeleteEim,
        ListEim,
        GetData,
        Download,
    )
}
