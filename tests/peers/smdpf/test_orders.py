"""Orders and eUICC data at the SM-DPf: purposes IFPP-DPF-001 to 016."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smdpf_made import INFO2, MSP, Bench, batch, bench, chip, pki

from dissectors.spec.identity import eid_octets
from sgprobe.crypto.ifpp_data import write_batch
from sgprobe.crypto.ifpp_keys import prove
from sgprobe.peers.es9.party import smdp_party
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.smdpf.orders import owner_octets
from sgprobe.peers.smdpf.rules import RULES


def take(made: Bench, octets: bytes, **members: object) -> dict[str, list[object]]:
    text = base64.b64encode(octets).decode()
    return made.call("batch", "eum.example", {"batch": text, **members})


def reasons(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [f"{one['subjectCode']}/{one['reasonCode']}" for one in answer["refused"]]


def test_order_prepares_profiles_with_iccids_of_their_own(tmp_path: Path) -> None:
    made = bench(tmp_path)
    first = made.call("order", MSP, {"profileType": "12k", "count": 1000})
    second = made.call("order", MSP, {"profileType": "12k", "count": 5})
    (one,), (two,) = first["iccidRanges"], second["iccidRanges"]
    assert one["first"] < one["last"] < two["first"]
    shown = made.call("show-order", MSP, {}, first["orderId"])
    assert (shown["count"], shown["states"]) == (1000, {"PREPARED": 1000})
    assert made.smdpf.state(one["last"]) == "PREPARED"
    assert made.smdpf.state("8999001000099999990") is None
    made.smdpf.protect(first["orderId"], 400)
    shown = made.call("show-order", MSP, {}, first["orderId"])
    assert shown["states"] == {"PREPARED": 600, "PROTECTED": 400}
    assert made.smdpf.state(one["first"]) == "PROTECTED"


@pytest.mark.parametrize(
    "members",
    [
        {"profileType": "nothing", "count": 1},
        {"profileType": "12k", "count": 0},
        {"profileType": "12k", "count": True},
        {"profileType": "12k", "count": 10**9},
        {"profileType": "12k"},
        {"count": 1},
        {"profileType": "12k", "count": 1, "mccMnc": "12"},
        {"profileType": "12k", "count": 1, "profileClass": "golden"},
        {"profileType": "12k", "count": 1, "eligibility": {"colour": "red"}},
        {"profileType": "12k", "count": 1, "eligibility": {"minSvn": "x"}},
        {"profileType": "12k", "count": 1, "orderId": "../../x"},
        {"profileType": "12k", "count": 1, "policyRules": ["ppr9"]},
    ],
)
def test_wrong_orders_make_nothing(tmp_path: Path, members: dict[str, object]) -> None:
    made = bench(tmp_path)
    with pytest.raises(Refusal):
        made.call("order", MSP, members)
    assert list(made.smdpf.store.keys("order/")) == []


def test_an_order_that_comes_again_is_one_order(tmp_path: Path) -> None:
    made = bench(tmp_path)
    header = {"functionRequesterIdentifier": MSP, "functionCallIdentifier": "c1"}
    members = {"header": header, "profileType": "12k", "count": 3}
    first = made.call("order", MSP, members)
    assert made.call("order", MSP, members) == first
    assert len(list(made.smdpf.store.keys("order/"))) == 1
    with pytest.raises(Refusal, match="call-other"):
        made.call("order", MSP, {**members, "count": 4})
    # without the rule there are two
    careless = bench(tmp_path, off={"SMDPF.IDEMPOTENT"})
    assert careless.call("order", MSP, members) != careless.call("order", MSP, members)


def test_orders_are_their_owners(tmp_path: Path) -> None:
    made = bench(tmp_path)
    name = made.place()
    with pytest.raises(Refusal, match="not-allowed"):
        made.call("show-order", "other.example", {}, name)
    with pytest.raises(Refusal, match="not-allowed"):
        made.call("withdraw", "other.example", {"all": True}, name)
    with pytest.raises(Refusal, match="order-unknown"):
        made.call("show-order", MSP, {}, "nothing")
    careless = bench(tmp_path, off={"SMDPF.ORDER-OWNER"})
    assert careless.call("show-order", "other.example", {}, careless.place())["count"] == 10


def test_batch_is_taken_by_both_routes(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(200)
    chips = [chip(number) for number in range(100)]
    answer = made.know(*chips)
    assert len(answer["accepted"]) == 100
    assert answer["refused"] == []
    # route B: the same data within the request of another device maker's SM-DPf
    other = bench(tmp_path / "b")
    other.place(200)
    data = base64.b64encode(batch(one.item() for one in chips)).decode()
    entries = [(one.eid, one.refs[0]) for one in chips[:5]]
    one = made.bind(entries)
    two = other.bind(entries, euiccData=[data])
    assert one["bound"] == two["bound"] == 5
    assert two["refusals"] == []


def test_the_same_data_again_change_nothing(tmp_path: Path) -> None:
    made = bench(tmp_path)
    first = made.know(chip(1))
    assert made.know(chip(1)) == first


def test_a_changed_key_is_refused_and_the_others_are_taken(tmp_path: Path) -> None:
    one, two = chip(1), chip(2)
    good = [prove(eid_octets(one.eid), pair.public, one.key) for pair in one.pairs]
    good[0]["tbs"]["ecPublicKey"] = chip(3).pairs[0].public.point.hex()
    octets = batch([one.item(oneTimeKeys=good), two.item()])
    made = bench(tmp_path)
    answer = take(made, octets)
    assert answer["accepted"] == [one.eid, two.eid]
    assert reasons(answer) == ["9.41.1/6.1"]
    assert answer["refused"][0]["keyRef"] == one.refs[0]
    careless = bench(tmp_path, off={"SMDPF.KEY-PROOF"})
    assert take(careless, octets)["refused"] == []


@pytest.mark.parametrize("point", ["04" + "11" * 64, "04" + "00" * 64, "00", "02" + "11" * 32])
def test_points_off_the_curve_are_refused(tmp_path: Path, point: str) -> None:
    one = chip(1)
    public = replace(one.pairs[0].public, point=bytes.fromhex(point))
    octets = batch([one.item(oneTimeKeys=[prove(eid_octets(one.eid), public, one.key)])])
    answer = take(bench(tmp_path), octets)
    assert answer["accepted"] == []
    assert reasons(answer) == ["9.41.1/2.1"]


def test_data_of_foreign_and_expired_issuers(tmp_path: Path) -> None:
    one = chip(1)
    eum = pki().get("eum", "expired").certificate.der
    answer = take(bench(tmp_path), batch([one.item()], eum=eum))
    assert (answer["accepted"], reasons(answer)) == ([], ["8.1.2/6.3"])
    # a CI that nobody trusts
    party = smdp_party([pki()])
    made = bench(tmp_path, party=replace(party, anchors=()))
    answer = made.know(one)
    assert (answer["accepted"], reasons(answer)) == ([], ["8.11.1/3.9"])


@pytest.mark.parametrize(
    ("changes", "code", "rule"),
    [
        ({"spoilt": True}, "8.1.3/6.1", "EUICC-CERTIFICATE"),
        ({"not_after": datetime(2026, 1, 1, tzinfo=UTC)}, "8.1.3/6.3", "EUICC-EXPIRY"),
        ({"issuer_range": "89044045"}, "8.1.3/6.1", "EID-RANGE"),
    ],
)
def test_certificates_of_chips_that_are_not_good(
    tmp_path: Path, changes: dict[str, Any], code: str, rule: str
) -> None:
    one = chip(1, **changes)
    answer = bench(tmp_path).know(one)
    assert (answer["accepted"], reasons(answer)) == ([], [code])
    assert bench(tmp_path, off={f"SMDPF.{rule}"}).know(one)["accepted"] == [one.eid]


def test_revoked_eum(tmp_path: Path) -> None:
    party = replace(smdp_party([pki()]), crls=(pki().crl(),))
    made = bench(tmp_path, party=party)
    eum = pki().get("eum", "revoked").certificate.der
    answer = take(made, batch([chip(1).item()], eum=eum))
    assert (answer["accepted"], reasons(answer)) == ([], ["8.1.2/6.1"])


@pytest.mark.parametrize(("off", "count"), [(set(), 0), ({"SMDPF.DATA-LASTS"}, 1)])
def test_eum_that_is_revoked_after_its_data_came(tmp_path: Path, off: set[str], count: int) -> None:
    made, one = bench(tmp_path, off=off), chip(1)
    made.place()
    take(made, batch([one.item()], eum=pki().get("eum", "revoked").certificate.der))
    made.deliver(one)
    made.smdpf.revoke((pki().crl(),))
    shown = made.bind([(one.eid, one.refs[1])])
    assert shown["bound"] == count
    assert [f"{bad['subjectCode']}/{bad['reasonCode']}" for bad in shown["refusals"]] == (
        [] if count else ["8.1.2/6.1"]
    )


def test_certificate_and_key_of_two_chips(tmp_path: Path) -> None:
    one, two = chip(1), chip(2)
    octets = batch([one.item(euiccCertificate=two.certificate.hex())])
    answer = take(bench(tmp_path), octets)
    assert (answer["accepted"], reasons(answer)) == ([], ["8.1.1/3.8"])
    # keys of another EID under the right certificate
    swapped = [prove(eid_octets(two.eid), pair.public, one.key) for pair in two.pairs]
    answer = take(bench(tmp_path), batch([one.item(oneTimeKeys=swapped)]))
    assert set(reasons(answer)) == {"8.1.1/3.8"}


def test_one_key_twice(tmp_path: Path) -> None:
    one, two = chip(1), chip(2)
    stolen = prove(eid_octets(two.eid), one.pairs[0].public, two.key)
    octets = batch([one.item(), two.item(oneTimeKeys=[stolen])])
    answer = take(bench(tmp_path), octets)
    assert answer["accepted"] == [one.eid]
    assert reasons(answer) == ["9.41.1/3.3"]
    same = [prove(eid_octets(one.eid), one.pairs[0].public, one.key)] * 2
    answer = take(bench(tmp_path), batch([one.item(oneTimeKeys=same)]))
    assert answer["accepted"] == [one.eid]
    assert take(bench(tmp_path, off={"SMDPF.KEY-UNIQUE"}), octets)["refused"] == []


def test_check_digits_of_an_eid(tmp_path: Path) -> None:
    one = chip(1)
    wrong = one.eid[:-1] + str((int(one.eid[-1]) + 1) % 10)
    octets = batch([one.item(eid=wrong)])
    assert reasons(take(bench(tmp_path), octets)) == ["8.1.1/6.1"]
    # without the rule the certificate tells
    assert reasons(take(bench(tmp_path, off={"SMDPF.EID-DIGITS"}), octets)) == ["8.1.1/3.8"]


def test_items_without_info_and_without_keys(tmp_path: Path) -> None:
    one = chip(1)
    bare = write_batch("b", [pki()["eum"].certificate.der], [], [one.item()])
    assert reasons(take(bench(tmp_path), bare)) == ["1.3.1/2.2"]
    none = take(bench(tmp_path), batch([one.item(oneTimeKeys=[])]))
    assert none["accepted"] == [one.eid]
    with pytest.raises(Refusal, match="EUM"):
        take(bench(tmp_path), write_batch("b", [], [INFO2], [one.item()]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_octets_are_taken_or_refused(data: st.DataObject) -> None:
    made = bench(Path("unused"))
    octets = bytearray(batch([chip(1).item()]))
    if data.draw(st.booleans()):
        octets = octets[: data.draw(st.integers(0, len(octets)))]
    for _ in range(data.draw(st.integers(0, 3))):
        if octets:
            octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        take(made, bytes(octets))
    except Refusal:
        assert list(made.smdpf.store.keys("euicc/")) == []


@pytest.mark.parametrize("octets", [b"", b"\xff\x47\x84\x7f\xff\xff\xff", b"\xff\x47\x80\x00",
                                    b"\xff\x47" + b"\x30\x80" * 5000])  # fmt: skip
def test_batches_that_are_none(tmp_path: Path, octets: bytes) -> None:
    with pytest.raises(Refusal):
        take(bench(tmp_path), octets)


def test_eligibility(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.know(chip(1))
    for rules, good in (
        ({"minFreeNvm": 100_000}, True),
        ({"minFreeNvm": 300_000}, False),
        ({"minProfileVersion": "2.3"}, True),
        ({"minProfileVersion": "2.3.1"}, True),
        ({"minProfileVersion": "3.0"}, False),
        ({"minSvn": "2.6"}, False),
    ):
        made.place(1, eligibility=rules)
        answer = made.bind([(chip(1).eid, "")])
        assert (answer["bound"] == 1) is good, rules
        if not good:
            assert [one["subjectCode"] for one in answer["refusals"]] == ["8.1"]
        else:
            made.know(chip(1, count=9))
    careless = bench(tmp_path / "b", off={"SMDPF.ELIGIBILITY"})
    careless.know(chip(1))
    careless.place(1, eligibility={"minSvn": "9"})
    assert careless.bind([(chip(1).eid, "")])["bound"] == 1


def test_compromised_batch(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(10)
    one, two = chip(1), chip(2)
    made.know(one, name="good")
    made.know(two, name="bad")
    _, entries = made.deliver(one, two)
    assert made.smdpf.compromised("bad") == [one.iccid for one in entries if one.eid == two.eid]
    answer = made.bind([(two.eid, two.refs[1]), (one.eid, one.refs[1])])
    assert [f"{one['subjectCode']}/{one['reasonCode']}" for one in answer["refusals"]] == [
        "9.41.1/1.2"
    ]
    states = made.call("show-order", MSP, {}, made.order)["states"]
    assert states == {"PREPARED": 7, "WITHDRAWN": 1, "DELIVERED": 1, "BOUND": 1}


def test_owner_of_a_network_with_two_and_three_digits() -> None:
    assert owner_octets("00101") == "00f110"
    assert owner_octets("310410") == "130014"


def test_each_rule_has_a_clause_and_a_name_of_its_own() -> None:
    assert len({one.name for one in RULES}) == len(RULES)
    assert all(one.clause.startswith(("RB-", "SGP.41", "IFPP")) for one in RULES)


def test_each_rule_is_asked_for_somewhere() -> None:
    """A rule that no code asks for could be switched off without any effect."""
    import sgprobe.peers
    from sgprobe.peers.fpa.rules import RULES as LINE

    root = Path(sgprobe.peers.__file__).parent
    texts = [path.read_text() for room in ("smdpf", "fpa") for path in (root / room).glob("*.py")
             if path.name != "rules.py"]  # fmt: skip
    texts.append((root / "es9/euicc.py").read_text())
    # a line is kept off the network by who runs it
    texts.append((root.parent / "engine/factory/line_product.py").read_text())
    code = "".join(texts)
    for rule in (*RULES, *LINE):
        short = rule.name.partition(".")[2]
        assert f'"{rule.name}"' in code or f'"{short}"' in code, rule.name
