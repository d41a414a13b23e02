"""What the tests of the eUICC stand on: an eIM that signs, and an eUICC with two profiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dissectors.asn1.tlv import tlv
from sgprobe.crypto import keys
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.signing import (
    EIM_SIGNATURE,
    EUICC_SIGN_EPE,
    EUICC_SIGN_EPR,
    association_token,
)
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.dialect import dialect
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.values import bit_string, inner
from sgprobe.peers.store import Store

PKI = TestPki.load()
A, B, C = "89990010000000000012", "89990010000000000020", "89990010000000000038"
EIM = "eim.example.com"
SMDP = "testsmdpplus1.example.com"


def wire(iccid: str) -> str:
    """The ICCID as it stands in JER values."""
    from dissectors.spec.identity import iccid_octets

    return iccid_octets(iccid).hex()


EVENTS = {"install": 0, "enable": 1, "disable": 2, "delete": 3}


def notifying(*addresses: str, events: str = "install enable disable delete") -> dict[str, Any]:
    return {
        "notificationConfigurationInfo": [
            {
                "profileManagementOperation": bit_string(EVENTS[one] for one in events.split()),
                "notificationAddress": address,
            }
            for address in addresses or (SMDP,)
        ]
    }


class Operator:
    """An eIM as far as the eUICC sees it: packages signed with a counter."""

    def __init__(
        self,
        euicc: Euicc,
        name: str = EIM,
        curve: Curve | str = Curve.P256,
        key: keys.PrivateKey | None = None,
    ) -> None:
        self.euicc = euicc
        self.name = name
        self.key = key or keys.derive_key(name, "eim", Curve(curve))
        self.counter = 0
        self.token: int | None = None
        self.dialect = dialect(euicc.chip.config.version)

    def config(self, **members: Any) -> dict[str, Any]:
        """The EimConfigurationData."""
        return {
            "eimId": self.name,
            "eimPublicKeyData": {"eimPublicKey": keys.spki(self.key).hex()},
            **members,
        }

    def associate(self, **members: Any) -> dict[str, Any]:
        """AddInitialEim."""
        request = {"eimConfigurationDataList": [self.config(**members)]}
        answer = call(self.euicc, "AddInitialEim", request)
        for one in answer.get("addInitialEimOk", ()):
            self.token = one.get("associationToken")
        return answer

    def package(
        self,
        commands: Iterable[dict[str, Any]] = (),
        kind: str = "psmoList",
        *,
        counter: int | None = None,
        eid: str | None = None,
        transaction: str | None = None,
        token: int | None = None,
        raw: bytes | None = None,
    ) -> bytes:
        """A signed EuiccPackageRequest."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        value = {
            "eimId": self.name,
            "eidValue": eid or self.euicc.eid,
            "counterValue": counter,
            "euiccPackage": {kind: list(commands)},
        }
        if transaction is not None:
            value["eimTransactionId"] = transaction
        if self.dialect.first and "eimTransactionId" in value:
            value["transactionId"] = value.pop("eimTransactionId")
        signed = self.dialect.codec.encode("EuiccPackageSigned", value)
        if raw is not None:
            # the list replaced by octets of the test's own
            parts = inner(signed)[:-1]
            signed = tlv("30", *parts, raw)
        known = self.token if token is None else token
        return tlv("BF51", signed, EIM_SIGNATURE.sign(self.key, signed, association_token(known)))

    def send(self, package: bytes) -> dict[str, Any]:
        """Load a package and return the answer, its signature checked."""
        raw = self.euicc.command(package, 0.0)
        (body,) = inner(raw)
        if body[0] != 0xA2:
            recipe = EUICC_SIGN_EPR if body[0] == 0xA0 else EUICC_SIGN_EPE
            data, signature = inner(body)
            public = self.euicc.chip.ecasd.identities[0].key.public_key()
            assert recipe.verify(public, signature, data, association_token(self.token))
        return read(self.euicc, "EuiccPackageResult", raw)

    def run(self, *commands: dict[str, Any], kind: str = "psmoList", **more: Any) -> Any:
        """Send one package; return its results, or the whole answer where there are none."""
        answer = self.send(self.package(commands, kind, **more))
        if "euiccPackageResultSigned" in answer:
            data = answer["euiccPackageResultSigned"]["euiccPackageResultDataSigned"]
            return data["euiccResult"]
        return answer

    def eco(self, *commands: dict[str, Any], **more: Any) -> Any:
        return self.run(*commands, kind="ecoList", **more)


def read(euicc: Euicc, type_name: str, raw: bytes) -> Any:
    decoded = euicc.chip.dialect.codec.decode(type_name, raw)
    assert decoded.ok, decoded.findings
    return decoded.value


_NAMES = {
    "NotificationSent": ("NotificationSentRequest", "NotificationSentResponse"),
    "EUICCInfo1": ("GetEuiccInfo1Request", "EUICCInfo1"),
    "EUICCInfo2": ("GetEuiccInfo2Request", "EUICCInfo2"),
}


def call(euicc: Euicc, name: str, value: Any = None, *, rsp: bool = False) -> Any:
    """One command from a value; the value of its answer."""
    codec = euicc.chip.dialect.rsp if rsp else euicc.chip.dialect.codec
    request, response = _NAMES.get(name, (f"{name}Request", f"{name}Response"))
    raw = euicc.command(codec.encode(request, value or {}), 0.0)
    decoded = codec.decode(response, raw)
    assert decoded.ok, decoded.findings
    return decoded.value


def make(
    version: str = "1.2",
    *,
    off: Iterable[str] = (),
    profiles: Iterable[Preloaded] | None = None,
    store: Store | None = None,
    curve: Curve | str = Curve.P256,
    **config: Any,
) -> Euicc:
    """An eUICC with profile A enabled and B disabled, both telling SMDP of everything."""
    chosen = (
        (
            Preloaded(A, "A", enabled=True, metadata=notifying()),
            Preloaded(B, "B", metadata=notifying()),
        )
        if profiles is None
        else profiles
    )
    first = Curve(curve)
    other = Curve.BRAINPOOL if first is Curve.P256 else Curve.P256
    return build(
        PKI,
        Config(version=version, **config),
        curves=(first, other),
        off=off,
        profiles=chosen,
        store=store,
    )


def states(euicc: Euicc) -> dict[str, bool]:
    """ICCID (A, B, C) to whether it is enabled."""
    names = {wire(one): one for one in (A, B, C)}
    from sgprobe.peers.euicc.records import Profile

    return {names.get(one.iccid, one.iccid): one.enabled for one in euicc.draft().all(Profile)}


def pending(euicc: Euicc) -> list[tuple[int, str, str]]:
    """Sequence number, event bits and ICCID of what BF28 lists."""
    listed = call(euicc, "ListNotification")["notificationMetadataList"]
    events = {"80": "install", "40": "enable", "20": "disable", "10": "delete"}
    return [
        (
            one["seqNumber"],
            events[one["profileManagementOperation"]["value"]],
            one.get("iccid", ""),
        )
        for one in listed
    ]
