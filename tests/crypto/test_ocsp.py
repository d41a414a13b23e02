"""OCSP responses by the CI and by its delegate, checked by us and by OpenSSL."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.crypto import ocsp, rules
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.pki import CertificateSet, TestPki

HOUR = timedelta(hours=1)


def response(
    found: CertificateSet, now: datetime, signer: str = "ci", state: str = "good"
) -> bytes:
    delegate = None if signer == "ci" else found[signer].certificate
    return ocsp.issue_response(
        found["dptls"].certificate,
        found.ci,
        found[signer].key,
        now - HOUR,
        now + HOUR,
        state=state,
        delegate=delegate,
    )


def failed(der: bytes, found: CertificateSet, now: datetime, name: str = "dptls") -> set[str]:
    checks = ocsp.check_response(der, found[name].certificate, found.ci, now)
    return {one.rule for one in checks if one.outcome is rules.Outcome.FAILED}


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("signer", ["ci", "ocsp"])
@pytest.mark.parametrize("state", ["good", "revoked", "unknown"])
def test_openssl_reads_the_same(
    pki: TestPki, openssl, tmp_path: Path, curve: str, signer: str, state: str
) -> None:
    # openssl ocsp has no option for the time
    now = datetime.now(UTC).replace(microsecond=0)
    der = response(pki[curve], now, signer, state)
    file = tmp_path / "response.der"
    file.write_bytes(der)
    shown = openssl(
        *("ocsp", "-respin", str(file), "-issuer", f"{curve}/ci.cert.pem"),
        *("-cert", f"{curve}/dptls.cert.pem", "-CAfile", f"{curve}/ci.cert.pem"),
    )
    assert "Response verify OK" in shown.stdout + shown.stderr
    assert f"dptls.cert.pem: {state}" in shown.stdout
    assert failed(der, pki[curve], now) == (set() if state == "good" else {"OCSP.STATUS"})


def test_a_response_about_another_certificate_says_nothing(pki: TestPki, now) -> None:
    der = response(pki["p256"], now)
    assert failed(der, pki["p256"], now, "dstls") == {"OCSP.STATUS"}
    assert failed(der, pki["brainpool"], now) == {"OCSP.STATUS", "OCSP.SIGNATURE"}
    # the same serial number, but of another issuer
    found = pki["p256"]
    ci, foreign = found["ci"], found["foreign-ci"].certificate
    about = found["dptls"].certificate
    der = ocsp.issue_response(
        about, foreign, ci.key, now - HOUR, now + HOUR, delegate=ci.certificate
    )
    assert failed(der, found, now) == {"OCSP.STATUS"}


def test_only_the_ci_and_its_delegate_may_sign(pki: TestPki, now) -> None:
    found = pki["p256"]
    assert failed(response(found, now, "dpauth"), found, now) == {"OCSP.SIGNATURE"}
    about = found["dptls"].certificate
    dates = (now - HOUR, now + HOUR)
    signed = response(found, now)
    assert failed(signed[:-1] + bytes([signed[-1] ^ 1]), found, now) == {"OCSP.SIGNATURE"}
    # a delegate of another CI
    other = pki["brainpool"]["ocsp"]
    foreign = ocsp.issue_response(about, found.ci, other.key, *dates, delegate=other.certificate)
    assert failed(foreign, found, now) == {"OCSP.SIGNATURE"}


def test_dates(pki: TestPki, now) -> None:
    found = pki["p256"]
    der = response(found, now)
    assert failed(der, found, now - 2 * HOUR) == {"OCSP.VALIDITY"}
    assert failed(der, found, now + HOUR) == {"OCSP.VALIDITY"}
    # the delegate's own time counts too
    late = found["ocsp"].certificate.not_after + HOUR
    assert failed(response(found, late, "ocsp"), found, late) == {"OCSP.SIGNATURE"}


def test_an_unsuccessful_response_is_no_status(pki: TestPki, now) -> None:
    assert failed(bytes.fromhex("30030a0103"), pki["p256"], now) == {"OCSP.STATUS"}


STORED = TestPki.load()["p256"]
MOMENT = datetime(2025, 6, 1, tzinfo=UTC)
DER = response(STORED, MOMENT, "ocsp")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_response_is_read_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(DER) - 1))
    damaged = DER[:at] + data.draw(st.binary(max_size=3)) + DER[at + 1 :]
    try:
        ocsp.check_response(damaged, STORED["dptls"].certificate, STORED.ci, MOMENT)
    except CertificateError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_octets_are_no_response(octets: bytes) -> None:
    with pytest.raises(CertificateError):
        ocsp.check_response(octets, STORED.ci, STORED.ci, MOMENT)


def test_oversize_is_refused(pki: TestPki, now) -> None:
    with pytest.raises(CertificateError, match="more than"):
        ocsp.check_response(bytes(ocsp.MAX_OCTETS + 1), pki["p256"].ci, pki["p256"].ci, now)
