"""CRLs made and read: numbers, entries, partial CRLs, hostile bytes; OpenSSL reads ours."""

import re
import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.crypto import crl, rules
from sgprobe.crypto.crl import CrlPlan, issue_crl, read_crl
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.forge import CRLS, Forge
from sgprobe.crypto.keys import RSP_CURVES, Curve, spki
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.shelf import STORED_SEED, STORED_START

FORGE = Forge(STORED_SEED, Curve.P256, STORED_START, lasting=True)
KEY = FORGE.key("ci")
PLAN = CrlPlan(
    issuer=(("CN", "x"),),
    signer=KEY,
    number=7,
    this_update=STORED_START,
    next_update=STORED_START + timedelta(days=1),
    url="http://a/b",
)
DER = issue_crl(replace(PLAN, revoked=(5, 1 << 158)))


def failed(found: tuple[rules.Check, ...]) -> set[str]:
    return {one.rule for one in found if one.outcome is rules.Outcome.FAILED}


@pytest.mark.parametrize("curve", RSP_CURVES)
@pytest.mark.parametrize("name", CRLS)
def test_openssl_reads_the_same(pki: TestPki, openssl, curve: Curve, name: str) -> None:
    ours = pki[curve].crl(name)
    found = openssl(
        *("crl", "-in", f"{curve}/{name}.crl.pem", "-noout", "-text"),
        *("-CAfile", f"{curve}/{CRLS[name].issuer}.cert.pem"),
    )
    # "verify OK" or "verify failure", on one stream or the other
    assert ("verify OK" in found.stdout + found.stderr) == (not CRLS[name].spoilt)
    serials = re.findall(r"Serial Number: ([0-9A-F]+)", found.stdout)
    assert {int(serial, 16) for serial in serials} == ours.revoked
    number = re.search(r"CRL Number:\s*(\d+)", found.stdout)
    assert number is not None
    assert int(number[1]) == ours.number == CRLS[name].number


def test_the_ci_revokes_what_is_called_revoked(pki: TestPki) -> None:
    found = pki["p256"]
    revoked = found.crl().revoked
    for name in ("eum", "dpauth", "dppb", "dptls", "dsauth", "dstls", "eim-sign", "eim-tls"):
        assert found.get(name, "revoked").certificate.serial in revoked
        assert found[name].certificate.serial not in revoked
    assert found.get("euicc", "revoked").certificate.serial in found.crl("eum").revoked
    assert found.crl("ci-older").revoked == frozenset()


def test_the_checks(now: datetime) -> None:
    key = spki(KEY)
    soon = STORED_START + timedelta(hours=1)
    good = read_crl(DER)
    assert failed(crl.check_crl(good, key, True, soon)) == set()
    assert failed(crl.check_crl(good, key, False, soon)) == {"CRL.SIGNER"}
    for late in (STORED_START - timedelta(seconds=1), STORED_START + timedelta(days=1)):
        assert failed(crl.check_crl(good, key, True, late)) == {"CRL.VALIDITY"}
    assert failed(crl.check_crl(good, spki(FORGE.key("eum")), True, soon)) == {"CRL.SIGNATURE"}
    spoilt = read_crl(issue_crl(replace(PLAN, spoilt=True)))
    assert failed(crl.check_crl(spoilt, key, True, soon)) == {"CRL.SIGNATURE"}
    assert failed(crl.check_crl(good, key, True, None)) == set()


def test_partial_crls(openssl) -> None:
    base = read_crl(issue_crl(replace(PLAN, total_partials=3)))
    assert (base.total_partials, base.partial_number) == (3, None)
    part = read_crl(issue_crl(replace(PLAN, partial_number=200)))
    assert (part.total_partials, part.partial_number) == (None, 200)
    assert base.not_understood == part.not_understood == ()


def test_a_scope_that_we_do_not_apply_is_not_understood() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    def with_extension(extension: x509.ExtensionType) -> crl.Crl:
        builder = x509.CertificateRevocationListBuilder(x509.Name([]), STORED_START, STORED_START)
        signed = builder.add_extension(extension, critical=True).sign(KEY, hashes.SHA256())
        return read_crl(signed.public_bytes(Encoding.DER))

    flags = {"only_contains_user_certs": False, "only_contains_ca_certs": False}
    flags |= {"indirect_crl": False, "only_contains_attribute_certs": False}
    for flag in flags:
        point = x509.IssuingDistributionPoint(
            full_name=None, relative_name=None, only_some_reasons=None, **flags | {flag: True}
        )
        assert with_extension(point).not_understood == ("2.5.29.28",)
    delta = with_extension(x509.DeltaCRLIndicator(1))
    assert delta.not_understood == ("2.5.29.27",)
    assert "PATH.CRITICAL" in failed(crl.check_crl(delta, spki(KEY), True, None))


def test_ten_thousand_entries_are_read_at_once() -> None:
    der = issue_crl(replace(PLAN, revoked=tuple(range(1, 10_001))))
    before = time.process_time()
    assert len(read_crl(der).revoked) == 10_000
    assert time.process_time() - before < 1


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_crl_is_read_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(DER) - 1))
    end = data.draw(st.integers(at, min(len(DER), at + 3)))
    damaged = DER[:at] + data.draw(st.binary(max_size=4)) + DER[end:]
    try:
        assert read_crl(damaged).der == damaged
    except CertificateError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_octets_are_no_crl(octets: bytes) -> None:
    with pytest.raises(CertificateError):
        read_crl(octets)


def test_oversize_is_refused() -> None:
    with pytest.raises(CertificateError, match="more than"):
        read_crl(DER + bytes(crl.MAX_OCTETS))
