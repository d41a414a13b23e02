"""A chain of four large certificates leads to the CI; OpenSSL is asked, not our own verifier."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sgprobe.crypto.keys import spki
from sgprobe.crypto.large_chain import large_chain
from sgprobe.crypto.pki import TestPki

PKI = TestPki.load()


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("party", ["eim-tls", "dptls"])
def test_openssl_finds_the_ci(curve: str, party: str, tmp_path: Path) -> None:
    made = large_chain(PKI[curve], party)
    files = {"ci": pem(PKI[curve].ci.der), "leaf": pem(made.chain[0]),
             "between": b"".join(map(pem, made.chain[1:])),
             "crl": x509.load_der_x509_crl(made.crl).public_bytes(Encoding.PEM)}  # fmt: skip
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)

    def verified(*more: str) -> bool:
        asked = ["openssl", "verify", "-no-CApath", "-no-CAfile", "-trusted", "ci", *more, "leaf"]
        return subprocess.run(asked, cwd=tmp_path, capture_output=True, timeout=30).returncode == 0

    assert verified("-untrusted", "between", "-CRLfile", "crl", "-crl_check")
    assert not verified()


def test_it_is_large_and_for_the_same_key() -> None:
    made = large_chain(PKI["p256"], "eim-tls")
    assert len(made.chain) == 4
    assert 12_000 < sum(map(len, made.chain)) < 16_000
    leaf = x509.load_der_x509_certificate(made.chain[0])
    public = PKI["p256"]["eim-tls"].certificate.public_key
    assert public is not None
    assert spki(made.key) == spki(public)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["eim.example.com"]
    # the same each time
    assert large_chain(PKI["p256"], "eim-tls") == made
