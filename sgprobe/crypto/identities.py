"""The parties of the test PKI: their names, object identifiers, addresses and EIDs."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.spec.identity import make_eid

COUNTRY = "DE"
UNIT = "TESTCERT"  # says at first sight that nobody may trust these
EUM_ORGANIZATION = "sgprobe Test EUM"

# SGP.26: the EUM's range and the EID of the test eUICC
EIN = "89049032"
TEST_EID = "89049032123451234512345678901235"
EIDS = (
    TEST_EID,
    make_eid("890490321234512345123456789013"),
    make_eid("890490321234512345123456789014"),
)
# an EID of the test EUM that no eUICC has
UNKNOWN_EID = make_eid("890490321234512345123456789099")
# an EID with right check digits that the test EUM may not give out
FOREIGN_EID = make_eid("890440451234512345123456789012")
FOREIGN_EIN = "89044045"

WRONG_RID = "2.999.99"
WRONG_HOST = "other.example.net"
CRL_URL = "http://ci.test.example.com/CRL-1.crl"

Name = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Party:
    """One holder of a key pair: its certificate profile, issuer, subject and alternative names."""

    profile: str
    issuer: str
    common_name: str
    organization: str | None = None
    serial_number: str | None = None
    rid: str | None = None
    dns: tuple[str, ...] = ()

    @property
    def subject(self) -> Name:
        """The distinguished name, from country to common name."""
        unit = None if self.profile in ("euicc", "eim-sign") else UNIT
        parts = (
            ("C", COUNTRY),
            ("O", self.organization),
            ("OU", unit),
            ("serialNumber", self.serial_number),
            ("CN", self.common_name),
        )
        return tuple((name, value) for name, value in parts if value is not None)


def _server(profile: str, name: str, rid: str, dns: str | None = None) -> Party:
    hosts = (dns,) if dns else ()
    return Party(profile, "ci", dns or name, "sgprobe", rid=rid, dns=hosts)


def _euicc(number: int) -> Party:
    return Party("euicc", "eum", f"Test eUICC {number}", EUM_ORGANIZATION, EIDS[number - 1])


# the object identifiers are those of the SGP.26 test set
PARTIES: dict[str, Party] = {
    "ci": Party("ci", "ci", "sgprobe Test CI", "sgprobe", rid="2.999.1"),
    "eum": Party("eum", "ci", "sgprobe Test EUM", EUM_ORGANIZATION, rid="2.999.5"),
    "euicc": _euicc(1),
    "euicc2": _euicc(2),
    "euicc3": _euicc(3),
    "dpauth": _server("dpauth", "Test SM-DP+ 1", "2.999.10"),
    "dppb": _server("dppb", "Test SM-DP+ 1", "2.999.10"),
    "dptls": _server("dptls", "", "2.999.10", "testsmdpplus1.example.com"),
    "dp2auth": _server("dpauth", "Test SM-DP+ 2", "2.999.12"),
    "dp2pb": _server("dppb", "Test SM-DP+ 2", "2.999.12"),
    "dp2tls": _server("dptls", "", "2.999.12", "testsmdpplus2.example.com"),
    "dsauth": _server("dsauth", "Test SM-DS", "2.999.15"),
    "dstls": _server("dstls", "", "2.999.15", "testrootsmds.example.com"),
    "ds2auth": _server("dsauth", "Test SM-DS 2", "2.999.16"),
    "ds2tls": _server("dstls", "", "2.999.16", "testsmds2.example.com"),
    "eim-sign": Party("eim-sign", "ci", "eim.example.com"),
    "eim-tls": _server("eim-tls", "", "2.999.20", "eim.example.com"),
    "ocsp": Party("ocsp", "ci", "Test OCSP responder", "sgprobe"),
    # a root that nobody trusts, and issuers whose paths are faulty
    "foreign-ci": Party("ci", "foreign-ci", "Unknown Test CI", "elsewhere", rid="2.999.2"),
    "sub-ca": Party("sub-ca", "ci", "Test sub-CA", "sgprobe"),
    "deep-ca": Party("sub-ca", "sub-ca", "Test sub-CA below sub-CA", "sgprobe"),
    "flagless-ca": Party("flagless-ca", "ci", "Test sub-CA without CA flag", "sgprobe"),
}
