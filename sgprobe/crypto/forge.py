"""The workshop of the test PKI: one seed, one curve and one date give every certificate and CRL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sgprobe.crypto import crl, identities, keys
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.identities import PARTIES, Party
from sgprobe.crypto.issuing import END_OF_TIME, Plan, issue
from sgprobe.crypto.keys import Curve, PrivateKey
from sgprobe.crypto.profiles import PROFILES

# a stored set must not run out: nothing in it ends earlier than this
_LASTING = timedelta(days=30 * 365)
_CRL_LIFETIME = timedelta(days=1095)
# CAs begin before those they certify
_AHEAD = timedelta(days=800)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with its private key, as it was made."""

    der: bytes
    key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class CrlKind:
    """One CRL of the set: who issues it, its number, and what is wrong with it."""

    issuer: str
    number: int
    text: str
    empty: bool = False
    expired: bool = False
    spoilt: bool = False
    # SGP.22 §4.6: which part of the whole list it is
    part: int | None = None


CRLS: dict[str, CrlKind] = {
    "ci": CrlKind("ci", 2, "lists every certificate of the CI that is called revoked"),
    "ci-older": CrlKind("ci", 1, "lower CRL number, lists nothing", empty=True),
    "ci-expired": CrlKind("ci", 3, "nextUpdate has passed", expired=True),
    "ci-wrong-signature": CrlKind("ci", 4, "last octet of s changed", spoilt=True),
    "ci-part": CrlKind("ci", 5, "a part of a list whose base is another CRL", part=1),
    "foreign-ci": CrlKind("foreign-ci", 1, "from a CI nobody trusts"),
    # the EUM's key usage has no cRLSign: whether a verifier takes this CRL is not certain
    "eum": CrlKind("eum", 1, "lists the revoked eUICC; its signer lacks cRLSign"),
}


@dataclass(slots=True)
class Forge:
    """Makes certificates and CRLs on demand and keeps them."""

    seed: str
    curve: Curve
    start: datetime
    lasting: bool = False
    _made: dict[tuple[str, str | None], Made] = field(default_factory=dict, repr=False)
    _keys: dict[tuple[str, Curve], PrivateKey] = field(default_factory=dict, repr=False)

    def key(self, name: str, curve: Curve | None = None) -> PrivateKey:
        """Return the private key of a party."""
        wanted = (name, curve or self.curve)
        if wanted not in self._keys:
            self._keys[wanted] = keys.derive_key(self.seed, *wanted)
        return self._keys[wanted]

    def made(self, name: str, fault: str | None = None) -> Made:
        """Return the certificate and key of a party, or their variant with one fault."""
        wanted = (name, fault)
        if wanted not in self._made:
            self._made[wanted] = self._make(name, fault)
        return self._made[wanted]

    def serial(self, name: str, fault: str | None = None) -> int:
        """Return a positive serial number of 16 octets, for eUICCs of 20. RFC 5280 §4.1.2.2."""
        bits = 160 if PARTIES[name].profile == "euicc" else 128
        variant = fault if fault and FAULTS[fault].other_serial else ""
        octets = keys.seeded(self.seed, "serial", name, variant, self.curve, size=bits // 8)
        # the top bit clear and the next one set: always positive and always as long
        return int.from_bytes(octets, "big") >> 2 | 1 << bits - 2

    def crl(self, name: str) -> bytes:
        """Return one of the CRLs of `CRLS`."""
        kind = CRLS[name]
        start = self.start - 2 * _CRL_LIFETIME if kind.expired else self.start
        long = self.lasting and not kind.expired
        revoked = tuple(
            self.serial(party, "revoked")
            for party in FAULTS["revoked"].parties
            if PARTIES[party].issuer == kind.issuer and not kind.empty
        )
        return crl.issue_crl(
            crl.CrlPlan(
                issuer=PARTIES[kind.issuer].subject,
                signer=self.key(kind.issuer),
                number=kind.number,
                this_update=start,
                next_update=start + (_LASTING if long else _CRL_LIFETIME),
                url=identities.CRL_URL,
                revoked=revoked,
                spoilt=kind.spoilt,
                partial_number=kind.part,
            )
        )

    def _make(self, name: str, fault_name: str | None) -> Made:
        if fault_name is None:
            key = self.key(name)
            return Made(issue(self._plan(name, PARTIES[name].issuer, key, None)), key)
        fault = FAULTS[fault_name]
        key = self.key(name, fault.curve(self.curve) if fault.curve else None)
        plan = self._plan(name, issuer_of(name, fault_name), key, fault_name)
        return Made(issue(fault.change(plan)), key)

    def _plan(self, name: str, issuer: str, key: PrivateKey, fault: str | None) -> Plan:
        party = PARTIES[name]
        profile = PROFILES[party.profile]
        start = self.start - _AHEAD if profile.ca else self.start
        lifetime = None if profile.days is None else profile.days * _DAY
        if lifetime and self.lasting:
            lifetime = max(lifetime, _LASTING)
        return Plan(
            subject=party.subject,
            issuer=PARTIES[issuer].subject,
            public=key.public_key(),
            signer=key if issuer == name else self.key(issuer),
            serial=self.serial(name, fault),
            not_before=start,
            not_after=start + lifetime if lifetime else END_OF_TIME,
            key_usage=profile.key_usage,
            policy=profile.policy,
            policy_critical=profile.policy_critical,
            extended_usage=profile.extended_usage,
            ca=profile.ca,
            path_length=profile.path_length,
            permitted=_eum_range(party) if party.profile == "eum" else None,
            rid=party.rid,
            dns=party.dns,
            has_ski=profile.has_ski,
            crl_url=identities.CRL_URL if profile.has_crl_point else None,
            ocsp_no_check=party.profile == "ocsp",
            self_signed=issuer == name,
        )


def issuer_of(name: str, fault: str | None) -> str:
    """Return the party that signs the certificate of `name`; a root signs its own."""
    issuer = FAULTS[fault].issuer if fault else None
    if issuer == "self":
        return name
    return issuer or PARTIES[name].issuer


def issuers(name: str, fault: str | None = None) -> tuple[str, ...]:
    """Return the parties above a certificate, from its issuer to the root."""
    found: list[str] = []
    issuer = issuer_of(name, fault)
    while issuer != name:
        found.append(issuer)
        name, issuer = issuer, PARTIES[issuer].issuer
    return tuple(found)


def _eum_range(party: Party) -> identities.Name:
    return (("O", party.organization or ""), ("serialNumber", identities.EIN))
