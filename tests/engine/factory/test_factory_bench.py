"""The parties around an SM-DPf: their eUICCs, their reports, and what they find in packages."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec
from dissectors.spec.identity import eid_octets, iccid_octets, is_eid
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import ifpp, rules
from sgprobe.crypto.chain import Need, verify
from sgprobe.crypto.ifpp_data import read_batch
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.ifpp_keys import ProofError, check_proof
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.factory.chips import Chip, Manufacture, batch
from sgprobe.engine.factory.station import Stations
from sgprobe.engine.factory.witness import leaks, look
from sgprobe.peers.delivery.entry import Contents
from sgprobe.peers.fpa.outcome import Code, Outcome
from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, package, subscription
from sgprobe.peers.smdp.metadata import store_metadata

OWN = TestPki.load()["p256"]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ICCID, KIND = make_iccid(7), PROFILE_TYPES["small"]


def chips(**given: str) -> list[Chip]:
    return Manufacture(OWN, "test").make({key.replace("_", "-"): one for key, one in given.items()})


def bound(chip: Chip, party: str = "dppb", fault: str | None = None) -> Contents:
    content = ifpp.Content(
        iccid_octets(ICCID),
        store_metadata(parse_spec("SGP.22@2.5"), ICCID, KIND, "smdpf.example"),
        package("test", ICCID, KIND),
    )
    made = ifpp.bind(
        binder(OWN, party, fault=fault), eid_octets(chip.eid), chip.publics()[0], content
    )
    return Contents("01" * 16, chip.eid, made.public.ref.hex(), ICCID, made.transaction.hex(),
                    made.context, made.package)  # fmt: skip


# --- eUICCs ---


def test_a_batch_has_every_euicc_with_a_proved_key() -> None:
    made = chips(count="3", keys="2")
    read = read_batch(batch("B1", made))
    assert [one.eid for one in read.items] == [one.eid for one in made]
    for item, chip in zip(read.items, made, strict=True):
        key = chip.made.certificate.public_key
        assert key is not None
        assert len(item.one_time_keys) == 2
        for raw in item.one_time_keys:
            check_proof(raw, item.eid, key)


def test_faults_of_euiccs_are_there() -> None:
    assert not is_eid(chips(check_digits="wrong")[0].eid)
    off = chips(point="off-curve")[0]
    key = off.made.certificate.public_key
    assert key is not None
    with pytest.raises(ProofError):
        check_proof(read_batch(batch("B", [off])).items[0].one_time_keys[0], off.eid, key)
    first, second = chips(count="2", same_key="yes")
    assert first.publics()[0].point == second.publics()[0].point
    assert first.publics()[0].ref != second.publics()[0].ref
    one, other = chips(keys="2", same_key="yes")[0].publics()
    assert (one.point, one.ref != other.ref) == (other.point, True)
    assert chips(eum="expired")[0].eum.chain != chips()[0].eum.chain


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("expired", rules.VALIDITY),
        ("wrong-signature", rules.SIGNATURE),
        ("eid-outside-eum-range", rules.NAME_CONSTRAINT),
    ],
)
def test_an_euicc_may_have_a_certificate_that_does_not_hold(fault: str, rule: rules.Rule) -> None:
    chip = chips(euicc=fault)[0]
    path = (chip.made.certificate, chip.made.ecasd.identities[0].eum)
    report = verify(path, [OWN.anchor], Need("euicc"), now=NOW)
    assert [one.rule for one in report.failures] == [rule.name]
    assert chip.made.certificate.serial_number == chip.eid
    assert not verify(
        (chips()[0].made.certificate, path[1]), [OWN.anchor], Need("euicc"), now=NOW
    ).failures


@pytest.mark.parametrize(
    "given",
    [
        {"count": "0"},
        {"count": "x"},
        {"suite": "c9"},
        {"eum": "no"},
        {"euicc": "no"},
        {"colour": "red"},
    ],
)
def test_what_the_eum_cannot_make_is_nobodys_fault(given: dict[str, str]) -> None:
    with pytest.raises(Unresolved):
        chips(**given)


def test_a_load_gives_a_result_of_the_euicc() -> None:
    chip = chips()[0]
    assert chip.load(bound(chip), 0.0).success
    assert chip.load(bound(chip), 0.0).euicc_error == "otkConsumed"


# --- packages ---


def test_a_good_package_opens_and_is_signed() -> None:
    chip = chips()[0]
    found = look(bound(chip), chip.made.one_time_keys[0], [OWN.anchor], NOW)
    assert (found.opened, found.signed, found.chained, found.formed) == ("", "", "", "")
    assert subscription("test", ICCID, KIND).k in found.secrets


def test_a_package_for_another_key_does_not_open() -> None:
    first, second = chips(count="2")
    found = look(bound(first), second.made.one_time_keys[0], [OWN.anchor], NOW)
    assert "does not open" in found.opened
    assert "smdpSign" in found.signed
    assert not found.formed


def test_a_package_is_looked_at_under_the_certificate_that_came_with_it() -> None:
    chip = chips()[0]
    pair = chip.made.one_time_keys[0]
    assert look(bound(chip, fault="expired"), pair, [OWN.anchor], NOW).chained
    good = bound(chip)
    swapped = replace(good, context=bound(chip, "dp2pb").context)
    assert "another" in look(swapped, pair, [OWN.anchor], NOW).signed


@pytest.mark.parametrize("part", ["context", "bound"])
@pytest.mark.parametrize("octets", [b"", b"\x00", b"\xbf\x36\x00", b"\xff\x41\x84\xff\xff\xff\xff"])
def test_rubbish_in_place_of_a_package_is_told(part: str, octets: bytes) -> None:
    chip = chips()[0]
    good = bound(chip)
    wrong = replace(good, context=octets) if part == "context" else replace(good, bound=octets)
    assert look(wrong, chip.made.one_time_keys[0], [OWN.anchor], NOW).opened


def test_secrets_are_found_as_octets_in_hex_and_in_base64() -> None:
    secret = bytes(range(40, 56))
    assert leaks([secret], [b"x" + secret]) == 1
    assert leaks([secret], [b'{"k":"' + secret.hex().upper().encode() + b'"}']) == 1
    assert leaks([secret], [b'{"k":"' + b64encode(b"12345" + secret + b"678") + b'"}']) == 1
    assert leaks([secret], [bytes(range(100, 200))]) == 0


# --- reports ---

ITEM = {"packageId": "01" * 16, "eid": "89" * 16, "iccid": "98" * 10}


def test_reports_of_a_station_follow_one_another() -> None:
    stations = Stations()
    for _ in range(2):
        stations.add("st-1", "D1", ITEM, Outcome(code=Code.OTHER), 0.0)
    first = stations.draft("00" * 16, 0.0)
    octets = codec.load("IFPP@0").encode("ProfileLoadingReport", first)
    stations.write(octets)
    stations.add("st-1", "D1", ITEM, Outcome(code=Code.OTHER), 0.0)
    second = stations.draft("11" * 16, 0.0)
    header = second["header"]
    assert (header["firstSequence"], header["lastSequence"]) == (3, 3)
    assert header["previousDigest"] == hashlib.sha256(octets).hexdigest()
    assert [one["attempt"] for one in first["items"] + second["items"]] == [1, 2, 3]


def test_a_report_that_goes_out_again_changes_nothing() -> None:
    stations = Stations()
    stations.add("st-1", "D1", ITEM, Outcome(code=Code.OTHER), 0.0)
    stations.write_unsent("00" * 16, 0.0, final=False, station="")
    stations.write(stations.written[0])
    assert len(stations.written) == 1
    assert stations.report(1)["header"]["firstSequence"] == 1
    with pytest.raises(Unresolved, match="no number 2"):
        stations.report(2)


def test_with_nothing_to_report_there_is_no_report() -> None:
    with pytest.raises(Unresolved, match="nothing to report"):
        Stations().draft("00" * 16, 0.0)
