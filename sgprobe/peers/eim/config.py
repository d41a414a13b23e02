"""What an eIM is made of: its identity and keys, whom it trusts, its limits and its version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dissectors.asn1.model import Value
from sgprobe.crypto import keys
from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.crl import Crl
from sgprobe.crypto.keys import Curve, PrivateKey
from sgprobe.crypto.pki import CertificateSet, TestPki
from sgprobe.peers.es9client import JSON
from sgprobe.peers.euicc.values import bit_string

# of the eIM's keys: the one that new associations get
DEFAULT_KEY = "default"


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how long: what ends an order or a session."""

    # a package that is never answered does not block the queue for ever
    deliveries: int = 50
    # answers that prove nothing (unsigned errors) before the order has failed
    unproved: int = 3
    # before a package that met an emergency call is offered again
    ecall_seconds: float = 60.0
    session_seconds: float = 600.0
    sessions: int = 1024
    orders_of_device: int = 1000
    # sequence numbers remembered for each eUICC
    taken: int = 256
    held: int = 16
    # notifications that wait for their server
    outbox: int = 10_000
    # how often a notification is tried before it is given up, and the longest pause
    forwards: int = 20
    forward_pause: float = 3600.0
    # how often a server is asked that does not answer, and the pause between
    server_tries: int = 3
    server_pause: float = 0.5
    # injections of one package before the IPA counts as unreachable
    injections: int = 4


@dataclass(frozen=True, slots=True)
class Setup:
    """What an eIM is made of."""

    eim_id: str
    signers: Mapping[str, PrivateKey] = field(repr=False)
    # the CIs whose eUICCs it believes
    anchors: tuple[Anchor, ...]
    crls: tuple[Crl, ...] = ()
    # of SGP.32
    version: str = "1.2"
    # of SGP.22, towards SM-DP+ and SM-DS
    rsp_version: str = "2.5"
    # how it speaks to them: JSON or ASN.1
    rsp_binding: str = JSON
    # whether packages carry a transaction id
    transaction_ids: bool = True
    # how it is reached: bits of EimSupportedProtocol
    protocols: frozenset[int] = frozenset({0})
    # TLS asks for the certificate of the eUICC, and others than its own messages are refused
    mutual: bool = False
    # JSON as well as ASN.1 on ESipa
    json: bool = True
    limits: Limits = Limits()
    off: frozenset[str] = frozenset()

    @property
    def asks_client(self) -> bool:
        """Whether TLS asks for a certificate."""
        return self.mutual and "EIM.CLIENT-ASKED" not in self.off

    def signer(self, name: str) -> PrivateKey:
        """Return a signing key by its name, the default one for a name that is not there."""
        return self.signers.get(name) or self.signers[DEFAULT_KEY]


def setup(
    pki: TestPki | Iterable[CertificateSet],
    curve: Curve | str = Curve.P256,
    *,
    eim_id: str = "eim.example.com",
    version: str = "1.2",
    rsp_version: str = "2.5",
    rsp_binding: str = JSON,
    transaction_ids: bool = True,
    protocols: Iterable[int] = (0,),
    mutual: bool = False,
    limits: Limits | None = None,
    off: Iterable[str] = (),
) -> Setup:
    """Return an eIM of the test PKI that signs on one curve and believes eUICCs on all."""
    sets = tuple(pki)
    own = next(one for one in sets if one.curve == Curve(curve))
    return Setup(
        eim_id,
        {DEFAULT_KEY: own["eim-sign"].key},
        tuple(one.anchor for one in sets),
        version=version,
        rsp_version=rsp_version,
        rsp_binding=rsp_binding,
        transaction_ids=transaction_ids,
        protocols=frozenset(protocols),
        mutual=mutual,
        limits=limits or Limits(),
        off=frozenset(off),
    )


def association(
    made: Setup,
    *,
    fqdn: str | None = None,
    counter: int | None = None,
    token: bool = False,
    indirect: bool = False,
    key: str = DEFAULT_KEY,
    protocols: Iterable[int] | None = None,
) -> Value:
    """Return the EimConfigurationData by which an eUICC comes to know this eIM.

    With `token` it asks for an association token. `protocols` are bits of EimSupportedProtocol,
    where not all are for this eUICC by which the eIM is reached.
    """
    told: dict[str, Value] = {
        "eimId": made.eim_id,
        "eimFqdn": fqdn or made.eim_id,
        "eimIdType": "eimIdTypeFqdn",
        "eimPublicKeyData": {"eimPublicKey": keys.spki(made.signer(key)).hex()},
        "eimSupportedProtocol": bit_string(_ways(made) if protocols is None else protocols),
    }
    if counter is not None:
        told["counterValue"] = counter
    if token:
        told["associationToken"] = -1
    # SGP.32 v1.0.1 has no such field
    if indirect and made.version != "1.0.1":
        told["indirectProfileDownload"] = None
    return told


def _ways(made: Setup) -> frozenset[int]:
    # HTTPS alone is what an eIM says that tells nothing of the others
    return frozenset({0}) if "EIM.PROTOCOLS-TOLD" in made.off else made.protocols
