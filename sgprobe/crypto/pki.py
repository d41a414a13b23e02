"""The test PKI as the roles use it: both curves, from stored files or made again from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sgprobe.crypto import identities, keys
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Anchor, Need
from sgprobe.crypto.crl import Crl, read_crl
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.forge import Forge, Made, issuers
from sgprobe.crypto.keys import RSP_CURVES, Curve, PrivateKey
from sgprobe.crypto.shelf import open_shelf
from sgprobe.data import data_dir


class Source(Protocol):
    """Where certificates come from: the forge, or a shelf of files."""

    def made(self, name: str, fault: str | None = None) -> Made:
        """Return a party's certificate and key."""
        ...

    def crl(self, name: str) -> bytes:
        """Return a CRL in DER."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """What a party signs with and shows: certificate, key, and the CAs below the root."""

    name: str
    fault: str | None
    certificate: Certificate
    key: PrivateKey = field(repr=False)
    intermediates: tuple[Certificate, ...]

    @property
    def path(self) -> tuple[Certificate, ...]:
        """The certificates to show: the leaf first, the root left out."""
        return (self.certificate, *self.intermediates)


@dataclass(frozen=True, slots=True, eq=False)
class CertificateSet:
    """All parties of the test PKI on one curve."""

    curve: Curve
    source: Source = field(repr=False)
    _kept: dict[tuple[str, str | None], Credential] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Credential:
        return self.get(name)

    def get(self, name: str, fault: str | None = None) -> Credential:
        """Return the credential of a party of `identities.PARTIES`, or its variant with a fault."""
        wanted = (name, fault)
        if wanted not in self._kept:
            made = self.source.made(name, fault)
            above = issuers(name, fault)[:-1]
            between = tuple(read_certificate(self.source.made(one).der) for one in above)
            certificate = read_certificate(made.der)
            self._kept[wanted] = Credential(name, fault, certificate, made.key, between)
        return self._kept[wanted]

    def crl(self, name: str = "ci") -> Crl:
        """Return one of the CRLs of `forge.CRLS`."""
        return read_crl(self.source.crl(name))

    @property
    def ci(self) -> Certificate:
        """The CI certificate."""
        return self["ci"].certificate

    @property
    def ci_id(self) -> bytes:
        """The CI's key id, 20 octets."""
        return keys.ski(self["ci"].key)

    @property
    def anchor(self) -> Anchor:
        """The CI as a trusted anchor."""
        return Anchor.of(self.ci)

    def need(self, name: str) -> Need:
        """Return what a verifier of this party's certificate looks for."""
        party = identities.PARTIES[name]
        host = party.dns[0] if party.dns else None
        return Need(party.profile, host, party.rid, party.serial_number)


@dataclass(frozen=True, slots=True)
class TestPki:
    """The test PKI: one certificate set for each curve."""

    __test__ = False  # not a test class, whatever its name

    sets: dict[Curve, CertificateSet]

    def __getitem__(self, curve: Curve | str) -> CertificateSet:
        return self.sets[Curve(curve)]

    def __iter__(self) -> Iterator[CertificateSet]:
        return iter(self.sets.values())

    @classmethod
    def make(cls, seed: str, start: datetime, *, lasting: bool = False) -> TestPki:
        """Make the PKI of `seed`, valid from `start`; each certificate when it is first used."""
        return cls.of({curve: Forge(seed, curve, start, lasting) for curve in RSP_CURVES})

    @classmethod
    def load(cls, folder: Path | None = None) -> TestPki:
        """Load the PKI that travels with sgprobe, or another one from its folder."""
        return cls.of(open_shelf(folder or data_dir("vectors") / "pki"))

    @classmethod
    def of(cls, sources: Mapping[Curve, Source]) -> TestPki:
        """Return the PKI of these sources."""
        return cls({curve: CertificateSet(curve, source) for curve, source in sources.items()})


def variants() -> Iterator[tuple[str, str]]:
    """Give every party with every fault it can have."""
    return ((party, name) for name, fault in FAULTS.items() for party in fault.parties)
