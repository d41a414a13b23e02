"""The named rules of certificate checking, and what a check answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a rule said: passed, failed, or not checked because its means were missing."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its stable name, its clause and what it demands."""

    name: str
    clause: str
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """One rule applied to one certificate, CRL or response; `subject` says to which."""

    rule: str
    outcome: Outcome
    subject: str
    detail: str


ANCHOR = Rule("PATH.ANCHOR", "SGP.22 §4.5.2", "the path ends at a trusted CI, found by its key id")
LENGTH = Rule("PATH.LENGTH", "RFC 5280 §6.1.4", "no more CA certificates than pathLen allows")
ISSUER = Rule("PATH.ISSUER", "RFC 5280 §6.1.3", "the issuer name is the subject of the issuer")
SIGNATURE = Rule("PATH.SIGNATURE", "SGP.22 §2.6.7", "ecdsa-with-SHA256 under the issuer's key")
CURVE = Rule("PATH.CURVE", "SGP.22 §2.6.7", "a supported curve, and one curve in the whole path")
VALIDITY = Rule("PATH.VALIDITY", "RFC 5280 §4.1.2.5", "valid at the time of checking")
CA = Rule("PATH.CA", "RFC 5280 §4.2.1.9", "every issuer has the CA flag")
CERT_SIGN = Rule("PATH.CERT-SIGN", "RFC 5280 §4.2.1.3", "every issuer may sign certificates")
ISSUER_ROLE = Rule("PATH.ISSUER-ROLE", "SGP.22 §4.5.2.1", "every issuer has the role CI or EUM")
CRITICAL = Rule("PATH.CRITICAL", "RFC 5280 §4.2", "no critical extension that is not understood")
REVOCATION = Rule("PATH.REVOCATION", "RFC 5280 §6.3", "no CRL of the issuer lists the certificate")
ROLE = Rule("LEAF.ROLE", "SGP.22 §4.5.2.1", "the role's OID stands in certificatePolicies")
KEY_USAGE = Rule("LEAF.KEY-USAGE", "RFC 5280 §4.2.1.3", "keyUsage is digitalSignature")
EXTENDED_USAGE = Rule("LEAF.EXTENDED-USAGE", "RFC 5280 §4.2.1.12", "a server may authenticate")
NAME_CONSTRAINT = Rule(
    "LEAF.NAME-CONSTRAINT", "SGP.22 §4.5.2.1", "organisation and EID are within the EUM's range"
)
EID = Rule("LEAF.EID", "SGP.22 §4.5.2.1", "the subject's serialNumber is the EID expected")
OID = Rule("LEAF.OID", "SGP.22 §4.5.2.1", "the registeredID is the OID expected")
HOST = Rule("LEAF.HOST", "RFC 6125 §6.4", "a DNS name of subjectAltName matches the host")
CRL_SIGNATURE = Rule("CRL.SIGNATURE", "RFC 5280 §6.3.3", "the CRL is signed by the issuer's key")
CRL_SIGNER = Rule("CRL.SIGNER", "RFC 5280 §4.2.1.3", "the issuer of the CRL may sign CRLs")
CRL_VALIDITY = Rule("CRL.VALIDITY", "RFC 5280 §6.3.3", "thisUpdate ≤ now < nextUpdate")
OCSP_STATUS = Rule("OCSP.STATUS", "RFC 6960 §2.2", "the response says good for the certificate")
OCSP_SIGNATURE = Rule("OCSP.SIGNATURE", "RFC 6960 §4.2.2.2", "signed by the CI or its delegate")
OCSP_VALIDITY = Rule("OCSP.VALIDITY", "RFC 6960 §4.2.2.1", "thisUpdate ≤ now < nextUpdate")

RULES = {rule.name: rule for rule in list(globals().values()) if isinstance(rule, Rule)}


def check(rule: Rule, holds: bool | None, subject: str, detail: str = "") -> Check:
    """Return the check of `rule`: passed, failed, or not checked when `holds` is None."""
    if holds is None:
        outcome = Outcome.NOT_CHECKED
    else:
        outcome = Outcome.PASSED if holds else Outcome.FAILED
    return Check(rule.name, outcome, subject, detail)
