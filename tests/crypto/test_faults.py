"""Every faulty certificate fails the one rule that its row names, and OpenSSL sees it too."""

import pytest

from sgprobe.crypto import rules
from sgprobe.crypto.chain import Need, Report, verify
from sgprobe.crypto.crl import Crl
from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.identities import PARTIES
from sgprobe.crypto.keys import RSP_CURVES, Curve
from sgprobe.crypto.pki import CertificateSet, TestPki, variants

VARIANTS = list(variants())
# the faults that the negative cases need
DEMANDED = {
    "expired",
    "not-yet-valid",
    "wrong-signature",
    "wrong-curve",
    "unknown-ci",
    "wrong-role",
    "wrong-key-usage",
    "eid-outside-eum-range",
    "revoked",
    "wrong-subject",
    "wrong-extended-usage",
    "wrong-name-constraints",
    "wrong-rid",
    "curve-p384",
}
# what fails along with the fault, and why
ALSO = {
    # no EUM may sign a CRL, and only an EUM could revoke an eUICC
    ("euicc", "revoked"): {rules.CRL_SIGNER.name},
    # another EID is not the expected one either
    ("euicc", "eid-outside-eum-range"): {rules.EID.name},
}
# openssl verify's error numbers; faults of RSP rules alone have none
OPENSSL_ERRORS = {
    "expired": 10,
    "not-yet-valid": 9,
    "wrong-signature": 7,
    "unknown-ci": 20,
    "self-signed": 18,
    "revoked": 23,
    "unknown-critical-extension": 34,
    "path-too-long": 25,
    "issuer-without-ca-flag": 79,
    "wrong-host": 62,
    "wildcard-too-wide": 62,
    "wrong-extended-usage": 26,
}


def judged(found: CertificateSet, party: str, fault: str, **options: object) -> Report:
    """Verify a faulty certificate; an EUM is judged through an eUICC below it."""
    credential = found.get(party, fault)
    crls: list[Crl] = [found.crl("eum" if party == "euicc" and fault == "revoked" else "ci")]
    if party == "eum":
        path = (found["euicc"].certificate, *credential.path)
        need: Need = found.need("euicc")
    else:
        path, need = credential.path, found.need(party)
    return verify(path, [found.anchor], need, crls=crls, **options)  # type: ignore[arg-type]


def test_no_demanded_fault_is_missing() -> None:
    assert set(FAULTS) >= DEMANDED


@pytest.mark.parametrize("curve", RSP_CURVES)
@pytest.mark.parametrize("name", [name for name in PARTIES if "ca" not in name and name != "ocsp"])
def test_without_a_fault_nothing_fails(pki: TestPki, now, curve: Curve, name: str) -> None:
    found = pki[curve]
    if PARTIES[name].profile == "ci":
        return
    path = found[name].path
    if PARTIES[name].profile == "euicc":
        assert [one.oid for one in path] == [None, "2.999.5"]
    report = verify(path, [found.anchor], found.need(name), now=now, crls=[found.crl()])
    assert report.failures == ()


@pytest.mark.parametrize("curve", RSP_CURVES)
@pytest.mark.parametrize(("party", "fault"), VARIANTS)
def test_a_fault_fails_its_rule(pki: TestPki, now, curve: Curve, party: str, fault: str) -> None:
    report = judged(pki[curve], party, fault, now=now)
    expected = {FAULTS[fault].rule.name} | ALSO.get((party, fault), set())
    assert {one.rule for one in report.failures} == expected


@pytest.mark.parametrize(("party", "fault"), VARIANTS)
def test_a_rule_switched_off_lets_its_fault_pass(pki: TestPki, now, party: str, fault: str) -> None:
    off = frozenset({FAULTS[fault].rule.name}) | ALSO.get((party, fault), frozenset())
    assert judged(pki["p256"], party, fault, now=now, off=off).ok


@pytest.mark.parametrize("curve", RSP_CURVES)
@pytest.mark.parametrize("fault", OPENSSL_ERRORS)
def test_openssl_names_the_same_fault(openssl, curve: Curve, fault: str) -> None:
    # OpenSSL has no rule for EIDs, and wants the CRL's address in the certificate (error 44)
    left_out = {"euicc"} | ({"eim-sign"} if fault == "revoked" else set())
    for party in set(FAULTS[fault].parties) - left_out:
        command = ["verify", "-attime", "1750000000", "-CAfile", f"{curve}/ci.cert.pem"]
        for name in ("sub-ca", "deep-ca", "flagless-ca"):
            command += ["-untrusted", f"{curve}/{name}.cert.pem"]
        if fault == "revoked":
            command += ["-crl_check", "-CRLfile", f"{curve}/ci.crl.pem"]
        if fault == "wrong-extended-usage":
            command += ["-purpose", "sslserver"]
        if PARTIES[party].dns:
            command += ["-verify_hostname", PARTIES[party].dns[0]]
        found = openssl(*command, f"{curve}/faults/{party}.{fault}.cert.pem")
        assert found.returncode != 0
        assert f"error {OPENSSL_ERRORS[fault]} at" in found.stdout + found.stderr


@pytest.mark.parametrize("curve", RSP_CURVES)
def test_openssl_accepts_what_has_no_fault(openssl, curve: Curve) -> None:
    for name in ("eum", "dpauth", "dppb", "dptls", "dsauth", "dstls", "eim-sign", "eim-tls"):
        command = ["verify", "-attime", "1750000000", "-CAfile", f"{curve}/ci.cert.pem"]
        if name != "eim-sign":
            # no subjectKeyIdentifier and no CRL address: so does SGP.26
            command += ["-x509_strict", "-crl_check", "-CRLfile", f"{curve}/ci.crl.pem"]
        if PARTIES[name].dns:
            command += ["-verify_hostname", PARTIES[name].dns[0], "-purpose", "sslserver"]
        found = openssl(*command, f"{curve}/{name}.cert.pem")
        assert found.returncode == 0, found.stderr


def test_openssl_knows_no_prefix_rule_for_eids(openssl) -> None:
    """A generic validator refuses the right eUICC certificate: our own rule is needed."""
    command = ["verify", "-attime", "1750000000", "-CAfile", "p256/ci.cert.pem"]
    found = openssl(*command, "-untrusted", "p256/eum.cert.pem", "p256/euicc.cert.pem")
    assert "error 47 at 0" in found.stdout + found.stderr
