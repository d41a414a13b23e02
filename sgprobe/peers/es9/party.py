"""A server's credentials: one branch for each CI, with the CI that it trusts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.crl import Crl
from sgprobe.crypto.pki import CertificateSet, Credential, TestPki


@dataclass(frozen=True, slots=True)
class Branch:
    """What a server holds under one CI: it signs with `auth`, binds profiles with `binding`."""

    ci: Anchor
    auth: Credential
    binding: Credential | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A server: its address and OID, its branches, and the CIs whose eUICCs it accepts."""

    address: str
    oid: str
    branches: tuple[Branch, ...]
    anchors: tuple[Anchor, ...]
    # of CIs and EUMs: a certificate that one of them lists is invalid
    crls: tuple[Crl, ...] = ()

    def branch(self, ci_key_id: bytes) -> Branch | None:
        """Return the branch under a CI."""
        return next((one for one in self.branches if one.ci.ski == ci_key_id), None)

    def trusts(self, ci_key_id: bytes) -> bool:
        """Say whether eUICCs under a CI are accepted."""
        return any(anchor.ski == ci_key_id for anchor in self.anchors)


def smdp_party(
    pki: TestPki | Iterable[CertificateSet], name: str = "dp", address: str | None = None
) -> Party:
    """Return an SM-DP+ of the test PKI ("dp" or "dp2"), on all curves given."""
    sets = tuple(pki)
    branches = tuple(Branch(one.anchor, one[f"{name}auth"], one[f"{name}pb"]) for one in sets)
    return _party(sets, branches, f"{name}tls", address)


def smds_party(
    pki: TestPki | Iterable[CertificateSet], name: str = "ds", address: str | None = None
) -> Party:
    """Return an SM-DS of the test PKI, on all curves given."""
    sets = tuple(pki)
    branches = tuple(Branch(one.anchor, one[f"{name}auth"]) for one in sets)
    return _party(sets, branches, f"{name}tls", address)


def _party(
    sets: tuple[CertificateSet, ...], branches: tuple[Branch, ...], tls: str, address: str | None
) -> Party:
    if not branches:
        raise ValueError("a server needs the certificates of one CI at least")
    host = address or sets[0][tls].certificate.dns[0]
    oid = branches[0].auth.certificate.oid
    if oid is None:
        raise ValueError("the server's certificate names no OID")
    return Party(host, oid, branches, tuple(one.anchor for one in sets))
