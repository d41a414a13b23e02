"""Certificates of servers judged against the CIs of the ECASD; the same question is asked once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from sgprobe.crypto import rules as path_rules
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.crl import read_crl
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.profiles import PROFILES

_KEPT = 128
# checks of the CRLs themselves are made when they are loaded
_OF_CRLS = "CRL."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a certificate, in the terms of the ES10b error codes."""

    certificate: Certificate
    role: str
    ci_unknown: bool
    bad_curve: bool
    bad_role: bool
    revoked: bool
    bad: bool


@dataclass(slots=True)
class Trust:
    """Judges certificates for one eUICC."""

    anchors: tuple[Anchor, ...]
    _kept: OrderedDict[tuple[bytes, tuple[str, ...], tuple[str, ...]], Verdict] = field(
        default_factory=OrderedDict, repr=False
    )

    def judge(self, der: bytes, roles: tuple[str, ...], crls: tuple[str, ...]) -> Verdict | None:
        """Judge a server's certificate, which may have one of the roles; None if it is none.

        No date is checked: an eUICC has no clock. SGP.22 §4.5.2.
        """
        question = (der, roles, crls)
        verdict = self._kept.get(question)
        if verdict is None:
            verdict = self._judge(der, roles, crls)
            if verdict is None:
                return None
            self._kept[question] = verdict
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return verdict

    def _judge(self, der: bytes, roles: tuple[str, ...], crls: tuple[str, ...]) -> Verdict | None:
        try:
            certificate = read_certificate(der)
        except CertificateError:
            return None
        if certificate.public_key is None:
            # no elliptic-curve key at all
            return Verdict(certificate, roles[0], False, True, False, False, True)
        role = next(
            (one for one in roles if PROFILES[one].policy in certificate.policies), roles[0]
        )
        lists = [read_crl(bytes.fromhex(one)) for one in crls]
        report = verify([certificate], self.anchors, Need(role), crls=lists)
        failed = {one.rule for one in report.failures if not one.rule.startswith(_OF_CRLS)}
        told_apart = {
            path_rules.ANCHOR.name,
            path_rules.CURVE.name,
            path_rules.ROLE.name,
            path_rules.REVOCATION.name,
        }
        return Verdict(
            certificate,
            role,
            ci_unknown=path_rules.ANCHOR.name in failed,
            bad_curve=path_rules.CURVE.name in failed,
            bad_role=path_rules.ROLE.name in failed,
            revoked=path_rules.REVOCATION.name in failed,
            bad=bool(failed - told_apart),
        )
