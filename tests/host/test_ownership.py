"""Who has shown the certificate of an eUICC is believed, and named to the role."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cryptography import x509

from sgprobe.crypto.pki import TestPki
from sgprobe.exchange import Request
from sgprobe.host.ownership import judge_euicc, with_client
from sgprobe.host.serve import identity

PKI = TestPki.load()
SET = PKI["p256"]
ASKED = Request("/", "", b"")
NOW = 1_770_000_000.0


def caller(chain: tuple[bytes, ...]) -> SimpleNamespace:
    certificates = [x509.load_der_x509_certificate(one) for one in chain]
    return SimpleNamespace(session=SimpleNamespace(peer_chain=certificates))


@pytest.mark.parametrize("party", ["euicc", "euicc2"])
def test_the_eid_of_the_certificate_is_told(party: str) -> None:
    shown = identity(SET[party]).chain
    assert judge_euicc(shown, [SET.anchor], NOW) == ""
    told = with_client(ASKED, caller(shown)).client
    assert told == SET[party].certificate.serial_number
    assert len(told) == 32


def test_without_a_certificate_nobody_is_told() -> None:
    for nobody in (("127.0.0.1", 1), SimpleNamespace(session=None), caller(())):
        assert with_client(ASKED, nobody) is ASKED


def test_what_is_no_eUICC_is_refused() -> None:
    assert judge_euicc(identity(SET["dptls"]).chain, [SET.anchor], NOW)
    assert judge_euicc(identity(SET["euicc"]).chain, [PKI["brainpool"].anchor], NOW)
    assert judge_euicc((b"0",), [SET.anchor], NOW)
    assert judge_euicc((), [SET.anchor], NOW)
