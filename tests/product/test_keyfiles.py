"""Files of certificates and keys as OpenSSL writes them, and files that are none."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgprobe.product.keyfiles import KeyFileError, read_key_file
from sgprobe.questions import NOWHERE
from tests.product.conftest import PKI


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@pytest.fixture
def put(tmp_path: Path):
    def write(octets: bytes):
        path = tmp_path / "file"
        path.write_bytes(octets)
        return read_key_file(path, NOWHERE)

    return write


CERTIFICATE = str(PKI / "eim-sign.cert.pem")


def test_every_form_gives_the_same_key(put) -> None:
    pem = openssl("x509", "-in", CERTIFICATE)
    der = openssl("x509", "-in", CERTIFICATE, "-outform", "DER")
    public = openssl("x509", "-in", CERTIFICATE, "-pubkey", "-noout")
    spki = base64.b64decode(b"".join(public.splitlines()[1:-1]))
    for octets in (pem, der, public, spki, b"Subject: somebody\n" + pem + b"\n# end"):
        assert put(octets).spki == spki
    assert put(der).certificates[0].der == der
    assert put(public).certificates == ()


def test_a_chain_keeps_its_order(put) -> None:
    names = ("dpauth", "ci", "eum")
    chain = put(b"".join((PKI / f"{name}.cert.pem").read_bytes() for name in names))
    lone = [put((PKI / f"{name}.cert.pem").read_bytes()).certificates[0].der for name in names]
    assert [one.der for one in chain.certificates] == lone
    assert chain.spki == chain.certificates[0].spki


@pytest.mark.parametrize(
    ("octets", "wanted"),
    [
        (b"", "holds no certificate and no public key"),
        (b"text", "holds no certificate and no public key"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", "key"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", "PEM that is not base64"),
        (b"\x30\x03\x02\x01\x00", "key"),
        (b"\x30" * (1 << 18) + b"\x30", "more than 262144 octets"),
        ((PKI / "eim-sign.key.pem").read_bytes(), "holds a private key"),
    ],
)
def test_what_is_none(put, octets: bytes, wanted: str) -> None:
    with pytest.raises(KeyFileError, match=wanted):
        put(octets)


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_any_octets_are_read_or_told(tmp_path_factory, octets: bytes, place: int) -> None:
    path = tmp_path_factory.getbasetemp() / "octets"
    good = Path(CERTIFICATE).read_bytes()
    place %= len(good)
    for tried in (octets, b"\x30" + octets, good[:place] + octets + good[place:]):
        path.write_bytes(tried)
        try:
            found = read_key_file(path, NOWHERE).spki
        except KeyFileError as error:
            found = str(error).encode()
        assert found
