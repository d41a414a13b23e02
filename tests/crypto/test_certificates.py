"""Certificates as we read them, against what OpenSSL prints, and under hostile bytes."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.crypto import certificates, keys, profiles
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.forge import Forge
from sgprobe.crypto.identities import PARTIES
from sgprobe.crypto.issuing import Plan, issue
from sgprobe.crypto.pki import TestPki
from sgprobe.crypto.shelf import STORED_SEED, STORED_START

FORGE = Forge(STORED_SEED, keys.Curve.P256, STORED_START, lasting=True)
SEEDS = [FORGE.made(name).der for name in ("eum", "euicc", "dptls", "eim-sign")]


def plan(**changes: object) -> Plan:
    """A plain self-signed certificate's plan, to be changed."""
    key = FORGE.key("ci")
    base = Plan(
        subject=(("CN", "x"),),
        issuer=(("CN", "x"),),
        public=key.public_key(),
        signer=key,
        serial=1,
        not_before=STORED_START,
        not_after=STORED_START,
        key_usage=profiles.DIGITAL_SIGNATURE,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("curve", keys.RSP_CURVES)
@pytest.mark.parametrize("name", PARTIES)
def test_openssl_reads_the_same(pki: TestPki, openssl, curve: keys.Curve, name: str) -> None:
    ours = pki[curve][name].certificate
    text = openssl("x509", "-in", f"{curve}/{name}.cert.pem", "-noout", "-text").stdout
    serial = re.search(r"Serial Number:\s*([0-9a-f:]+)", text)
    assert serial is not None
    assert int(serial[1].replace(":", ""), 16) == ours.serial
    curve_name = {"p256": "prime256v1", "brainpool": "brainpoolP256r1"}[curve]
    assert f"ASN1 OID: {curve_name}" in text
    assert ours.curve is curve
    assert re.findall(r"Policy: ([0-9.]+)", text) == list(ours.policies)
    assert re.findall(r"Registered ID:([0-9.]+)", text) == list(ours.rids)
    assert re.findall(r"DNS:([^,\s]+)", text) == list(ours.dns)
    assert re.findall(r"URI:(\S+)", text) == list(ours.crl_urls)
    assert ("CA:TRUE" in text) == ours.ca
    assert ("pathlen:0" in text) == (ours.path_length == 0)
    for shown, bit in (
        ("Digital Signature", "digital_signature"),
        ("Certificate Sign", "key_cert_sign"),
        ("CRL Sign", "crl_sign"),
    ):
        assert (shown in text) == (bit in (ours.key_usage or ()))
    if ours.serial_number:
        assert re.search(rf"serialNumber ?= ?{ours.serial_number}", text)
    end = re.search(r"Not After : (.+) GMT", text)
    assert end is not None
    assert datetime.strptime(end[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC) == ours.not_after
    for identifier, title in ((ours.ski, "Subject"), (ours.aki, "Authority")):
        shown = re.search(rf"{title} Key Identifier:\s*([0-9A-F:]+)", text)
        assert (bytes.fromhex(shown[1].replace(":", "")) if shown else None) == identifier


def test_critical_extensions_stand_as_the_profiles_say(pki: TestPki, openssl) -> None:
    def criticals(name: str) -> set[str]:
        text = openssl("x509", "-in", f"p256/{name}.cert.pem", "-noout", "-text").stdout
        return set(re.findall(r"X509v3 ([\w ]+): critical", text))

    usage, policies = "Key Usage", "Certificate Policies"
    constraints = {"Basic Constraints", "Name Constraints"}
    assert criticals("ci") == {usage, policies, "Basic Constraints"}
    assert criticals("eum") == {usage, policies} | constraints
    assert criticals("euicc") == {usage, policies}
    assert criticals("dpauth") == {usage, policies}
    assert criticals("dptls") == {usage, "Extended Key Usage"}
    assert criticals("eim-sign") == {usage}
    assert criticals("eim-tls") == {usage, "Extended Key Usage"}


def test_the_name_constraint_is_as_openssl_prints_it(openssl) -> None:
    text = openssl("x509", "-in", "p256/eum.cert.pem", "-noout", "-text").stdout
    assert re.search(r"DirName: ?O ?= ?sgprobe Test EUM, serialNumber ?= ?89049032\n", text)


def test_an_euicc_certificate_lasts_to_the_year_7500_in_generalized_time(openssl) -> None:
    text = openssl("asn1parse", "-in", "p256/euicc.cert.pem").stdout
    assert "GENERALIZEDTIME   :75000101000000Z" in text
    # RFC 5280 §4.1.2.5: dates before 2050 are UTCTime
    assert "UTCTIME           :250101000000Z" in text
    assert "PRINTABLESTRING   :89049032123451234512345678901235" in text


def test_an_euicc_s_serial_number_has_20_octets(pki: TestPki) -> None:
    assert pki["p256"]["euicc"].certificate.serial.bit_length() == 159


O, SN, CN = "2.5.4.10", "2.5.4.5", "2.5.4.3"


@pytest.mark.parametrize(
    ("permitted", "allowed"),
    [
        ((("O", "maker"), ("serialNumber", "8904")), True),
        ((("serialNumber", "8904"),), True),
        ((("serialNumber", "89049032123451234512345678901235"),), True),
        ((("O", "maker"), ("serialNumber", "8905")), False),
        ((("O", "Maker"), ("serialNumber", "8904")), False),
        ((("O", "maker"),), False),  # no range of EIDs at all
        ((("C", "DE"), ("O", "maker"), ("serialNumber", "8904")), False),
        (None, False),
    ],
)
def test_name_constraints_are_a_prefix_rule(
    permitted: tuple[tuple[str, str], ...] | None, allowed: bool
) -> None:
    eid = "89049032123451234512345678901235"
    eum = read_certificate(issue(plan(permitted=permitted)))
    subject = (("O", "maker"), ("serialNumber", eid), ("CN", "card"))
    assert eum.permits(read_certificate(issue(plan(subject=subject)))) is allowed
    twice = (("O", "maker"), ("serialNumber", eid), ("serialNumber", eid))
    assert not eum.permits(read_certificate(issue(plan(subject=twice))))
    assert not eum.permits(read_certificate(issue(plan())))


def with_extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    key = FORGE.key("ci")
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, STORED_START, STORED_START)
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_permitted_eins_of_version_3() -> None:
    eins = bytes.fromhex("3010130838393034393033321304") + b"8905"
    eum = read_certificate(with_extension(profiles.PERMITTED_EINS, eins, critical=True))
    assert eum.permitted_eins == ("89049032", "8905")
    assert eum.not_understood == ()
    card = read_certificate(FORGE.made("euicc").der)
    assert eum.permits(card)
    other = read_certificate(FORGE.made("euicc", "eid-outside-eum-range").der)
    assert not eum.permits(other)


@pytest.mark.parametrize("value", ["", "05", "3005", "3003130180", "300413028984"])
def test_broken_permitted_eins(value: str) -> None:
    with pytest.raises(CertificateError):
        read_certificate(with_extension(profiles.PERMITTED_EINS, bytes.fromhex(value)))


def test_constraints_that_we_do_not_apply_are_not_understood() -> None:
    # permitted dNSName "a": RFC 5280 §4.2.1.10 has it, the RSP rules do not
    value = bytes.fromhex("3007a0053003820161")
    read = read_certificate(with_extension("2.5.29.30", value, critical=True))
    assert read.not_understood == ("2.5.29.30",)


@pytest.mark.parametrize("unused", [1, 2, 7, 8])
def test_unused_bits_of_a_signature_are_no_way_to_change_a_certificate(
    pki: TestPki, unused: int
) -> None:
    der = bytearray(pki[keys.Curve.P256]["dppb"].certificate.der)
    size = len(pki[keys.Curve.P256]["dppb"].certificate.signature)
    assert der[-size - 1] == 0
    der[-size - 1] = unused
    with pytest.raises(CertificateError):
        read_certificate(bytes(der))


def test_same_oid() -> None:
    def read(name: str, fault: str | None = None) -> certificates.Certificate:
        return read_certificate(FORGE.made(name, fault).der)

    assert certificates.same_oid(read("dpauth"), read("dppb"), read("dptls"))
    assert not certificates.same_oid(read("dpauth"), read("dp2pb"))
    assert not certificates.same_oid(read("dpauth"), read("dppb", "wrong-rid"))
    assert not certificates.same_oid(read("euicc"), read("euicc"))


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_octets_are_a_certificate_or_one_error(octets: bytes) -> None:
    with pytest.raises(CertificateError):
        read_certificate(octets)


@given(st.sampled_from(SEEDS), st.data())
@settings(max_examples=250, deadline=None)
def test_a_damaged_certificate_is_read_or_refused(der: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(der) - 1))
    end = data.draw(st.integers(at, min(len(der), at + 3)))
    damaged = der[:at] + data.draw(st.binary(max_size=4)) + der[end:]
    try:
        assert read_certificate(damaged).der == damaged
    except CertificateError as error:
        text = str(error)
        assert "\n" not in text
        assert len(text) < 300


def test_oversize_and_trailing_bytes_are_refused() -> None:
    with pytest.raises(CertificateError, match="more than"):
        read_certificate(SEEDS[0] + bytes(certificates.MAX_OCTETS))
    with pytest.raises(CertificateError):
        read_certificate(SEEDS[0] + b"\0")
