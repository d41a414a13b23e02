"""eUICCs as the EUM makes them: certificates that hold, keys that nobody else has, batches."""

import random

import pytest

from dissectors.asn1 import codec
from dissectors.spec.identity import is_eid
from sgprobe.crypto import ifpp_keys
from sgprobe.crypto import ifpp_quantum as quantum
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.chain import Need, verify
from sgprobe.crypto.ifpp_data import read_batch
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.crypto.pki import TestPki
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind, eid_of
from sgprobe.peers.store import MemoryStore

SET = TestPki.load()["p256"]
IFPP = codec.load("IFPP@0")
INFO = bytes.fromhex("FF4003800100")


def inventory(euicc) -> list[dict[str, str]]:
    return IFPP.decode("GetIfppInfoResponse", euicc.command(INFO, 0.0)).value["otkInventory"]


def test_a_chip_has_a_certificate_of_its_eum() -> None:
    eum = Eum(SET)
    chip = eum.personalise(7)
    assert is_eid(chip.eid)
    assert chip.certificate.serial_number == chip.eid == eid_of(7) == chip.euicc().eid
    chain = [chip.certificate, *map(read_certificate, eum.chain)]
    assert verify(chain, [SET.anchor], Need("euicc", eid=chip.eid)).ok


def test_no_key_comes_twice() -> None:
    """GENS07 over 400 keys: references, points and certificates differ; bits are even."""
    kind = Kind(keys=(Suite.C1,) * 4)
    chips = [Eum(SET).personalise(number, kind) for number in range(100)]
    # the same number personalised twice is another chip inside
    chips.append(Eum(SET).personalise(0, kind))
    publics = [one.public for chip in chips for one in chip.one_time_keys]
    assert len({one.ref for one in publics}) == len({one.point for one in publics}) == 404
    assert len({chip.certificate.spki for chip in chips}) == 101
    assert len({chip.certificate.serial for chip in chips}) == 101
    ones = sum(octet.bit_count() for one in publics for octet in one.point[1:])
    share = ones / (404 * 64 * 8)
    # five standard deviations of 206848 fair bits
    assert abs(share - 0.5) < 0.0055


def test_a_seeded_eum_makes_the_same_chip_again() -> None:
    one, two = (Eum(SET, entropy=random.Random(1)).personalise(1) for _ in range(2))
    assert one.data() == two.data()


def test_data_is_proved_by_the_chip_itself() -> None:
    kind = Kind(keys=(Suite.C1, Suite.C1))
    eum = Eum(SET)
    other = Kind(config=Config(svn="020600"), keys=(Suite.C1,))
    chips = [eum.personalise(1, kind), eum.personalise(2, kind), eum.personalise(3, other)]
    read = read_batch(batch(eum, "B-1", chips))
    assert read.eum_certificates == (eum.certificate.der,)
    assert [one.eid for one in read.items] == [chip.eid for chip in chips]
    for item, chip in zip(read.items, chips, strict=True):
        assert item.info == chip.euicc().command(bytes.fromhex("BF2200"), 0.0)
        key = read_certificate(item.certificate).public_key
        assert key is not None
        found = [ifpp_keys.check_proof(one, item.eid, key) for one in item.one_time_keys]
        assert found == [one.public for one in chip.one_time_keys]
        assert [one.ref.hex() for one in found] == [
            one["keyRef"] for one in inventory(chip.euicc())
        ]
    # each kind's EUICCInfo2 stands once
    value = IFPP.decode("EuiccDataBatch", batch(eum, "B-1", chips)).value
    assert len(value["euiccInfo2List"]) == 2


def test_what_is_given_away_holds_no_private_half() -> None:
    chip = Eum(SET).personalise(1)
    octets = chip.data()
    for one in chip.one_time_keys:
        private = one.private.private_numbers().private_value.to_bytes(32, "big")
        assert one.seed not in octets
        assert private not in octets
        assert one.seed.hex() not in repr(chip)


def test_a_store_that_holds_the_chip_wins() -> None:
    chip, store = Eum(SET).personalise(1), MemoryStore()
    euicc = chip.euicc(store)
    euicc.command(bytes.fromhex("FF4316A00280008110" + "00" * 16), 0.0)
    assert [one["state"] for one in inventory(chip.euicc(store))] == ["deleted"]


def test_a_profile_of_the_eum_is_told_as_its_own() -> None:
    kind = Kind(profiles=(Preloaded("89990010000000000012", enabled=True),))
    euicc = Eum(SET).personalise(1, kind).euicc()
    answer = euicc.command(bytes.fromhex("FF45128010" + "00" * 16), 0.0)
    state = IFPP.decode("GetSignedIfppStateResponse", answer).value["ok"]["tbs"]
    assert [(one["loadedBy"], one["enabled"]) for one in state["profiles"]] == [("eum", True)]


def test_a_suite_that_cannot_be_had_is_refused_at_once(monkeypatch) -> None:
    quantum.missing_kem.cache_clear()
    monkeypatch.setattr(quantum, "mlkem", None)
    try:
        with pytest.raises(quantum.QuantumUnavailable, match="ML-KEM-768"):
            Eum(SET).personalise(1, Kind(keys=(Suite.H1,)))
    finally:
        monkeypatch.undo()
        quantum.missing_kem.cache_clear()
