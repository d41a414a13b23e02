"""Batches of eUICC data: written, read back octet by octet, and refused where they are broken."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ifpp_bench import EID, pair

from dissectors.asn1 import codec
from sgprobe.crypto import ifpp_keys
from sgprobe.crypto.identities import TEST_EID
from sgprobe.crypto.ifpp_data import Batch, BatchError, read_batch, write_batch
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.pki import TestPki

CODEC = codec.load("IFPP@0")


def item(pki: TestPki, place: int = 0, numbers: tuple[int, ...] = (1, 2)) -> bytes:
    euicc = pki["p256"]["euicc"]
    value = {
        "eid": EID.hex(),
        "euiccCertificate": euicc.certificate.der.hex(),
        "oneTimeKeys": [ifpp_keys.prove(EID, pair(Suite.C1, n).public, euicc.key) for n in numbers],
        "euiccInfo2Ref": place,
    }
    if not place:
        del value["euiccInfo2Ref"]
    return CODEC.encode("EuiccIfppData", value)


@pytest.fixture(scope="module")
def batch() -> bytes:
    pki = TestPki.load()
    eum = pki["p256"]["eum"].certificate.der
    items = [item(pki), item(pki, 1), item(pki, 7)]
    return write_batch("B-1", [eum], [b"\xbf\x22\x00", b"\xbf\x22\x01\x00"], items)


def test_a_batch_is_der_of_the_module(batch: bytes) -> None:
    decoded = CODEC.decode("EuiccDataBatch", batch)
    assert decoded.findings == ()
    assert CODEC.encode("EuiccDataBatch", decoded.value) == batch


def test_items_share_what_the_batch_says_once(batch: bytes, pki: TestPki) -> None:
    found = read_batch(batch)
    assert found.batch_id == "B-1"
    assert [one.info for one in found.items] == [b"\xbf\x22\x00", b"\xbf\x22\x01\x00", None]
    assert {one.eid for one in found.items} == {TEST_EID}
    signer = pki["p256"]["euicc"].key.public_key()
    for one in found.items:
        keys = [ifpp_keys.check_proof(raw, one.eid, signer) for raw in one.one_time_keys]
        assert keys == [pair(Suite.C1, number).public for number in (1, 2)]


def test_a_batch_that_is_cut_short_is_refused(batch: bytes) -> None:
    for size in (*range(0, 200, 7), len(batch) - 1):
        with pytest.raises(BatchError):
            read_batch(batch[:size])


def test_an_eid_of_letters_spoils_its_item_alone(pki: TestPki) -> None:
    spoilt = item(pki).replace(EID, b"\xab" * 16, 1)
    found = read_batch(write_batch("B", [], [], [spoilt, item(pki)]))
    assert [one.eid for one in found.items] == ["ab" * 16, TEST_EID]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_octets_give_a_batch_or_one_error(batch: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(batch)
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BatchError):
        assert isinstance(read_batch(bytes(spoilt)), Batch)
