"""The ECASD: the eUICC's identity for each CI, and the CI keys that it trusts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dissectors.spec.identity import eid_octets
from sgprobe.crypto.certificates import Certificate
from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.keys import PrivateKey
from sgprobe.crypto.pki import CertificateSet


@dataclass(frozen=True, slots=True)
class Identity:
    """SK.EUICC with its certificates under one CI, named by the CI's key id."""

    ci: bytes
    key: PrivateKey = field(repr=False)
    certificate: Certificate
    eum: Certificate


@dataclass(frozen=True, slots=True)
class Ecasd:
    """All identities in the order of preference, and the anchors for verification."""

    identities: tuple[Identity, ...]
    anchors: tuple[Anchor, ...]

    @property
    def eid(self) -> bytes:
        """The EID, 16 octets, as the eUICC certificates say it."""
        return eid_octets(self.identities[0].certificate.serial_number or "")

    def identity(self, ci: bytes | None = None) -> Identity | None:
        """Return the identity under a CI, or the preferred one."""
        if ci is None:
            return self.identities[0]
        return next((one for one in self.identities if one.ci == ci), None)

    @property
    def signing(self) -> list[str]:
        """Key ids of the CIs under which the eUICC signs."""
        return [one.ci.hex() for one in self.identities]

    @property
    def verification(self) -> list[str]:
        """Key ids of the CIs that the eUICC trusts."""
        return [one.ski.hex() for one in self.anchors]


def ecasd(sets: Iterable[CertificateSet], name: str = "euicc") -> Ecasd:
    """Return the ECASD of a party of the test PKI, with one identity for each set."""
    identities = []
    anchors = []
    for one in sets:
        credential = one[name]
        eum = credential.intermediates[0]
        identities.append(Identity(one.ci_id, credential.key, credential.certificate, eum))
        anchors.append(one.anchor)
    return Ecasd(tuple(identities), tuple(anchors))
