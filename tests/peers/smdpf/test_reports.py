"""Loading reports at the SM-DPf: purposes IFPP-REP-001 to 017, FLT-012, FLT-014, FLT-020."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smdpf_made import DAY, DM, MSP, NOW, Bench, bench, chip, item, report

from dissectors.asn1 import codec
from sgprobe.exchange import Response
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.run import Driver
from sgprobe.peers.smdpf.ranges import added, gaps, overlaps
from sgprobe.peers.smdpf.records import Entry, Work

MEMORY = "installFailedDueToInsufficientMemoryForProfile"


def made_with(folder: Path, count: int, **options: Any) -> tuple[Bench, str, list[Entry]]:
    made = bench(folder, **options)
    made.place(count + 2, notifyAddress="https://msp.example/ifpp")
    chips = [chip(number) for number in range(count)]
    made.know(*chips)
    name, entries = made.deliver(*chips)
    return made, name, entries


def post(made: Bench, raw: bytes) -> dict[str, Any]:
    return made.call("report", DM, {"report": base64.b64encode(raw).decode()})


def good(sequence: int, entry: Entry, seq: int = 1) -> dict[str, Any]:
    number = next(n for n in range(300) if chip(n).eid == entry.eid)
    return item(sequence, entry, {"euiccResult": chip(number).result(entry, seq=seq).hex()})


def states(made: Bench) -> dict[str, int]:
    return dict(made.call("show-order", MSP, {}, made.order)["states"])


def msp_hears(made: Bench) -> list[dict[str, Any]]:
    """Let the SM-DPf tell its MSP, and return the bodies."""
    import json

    heard = []

    def handler(request: Any) -> Any:
        assert request.path == "/ifpp/reports"
        heard.append(json.loads(request.body))
        return Response(200)
        yield

    Driver({"https://msp.example": handler}).run(made.smdpf.notify())
    return heard


def test_signed_successes_make_installed(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 20)
    answer = post(made, report(name, [good(n, e) for n, e in enumerate(entries, 1)], final=True))
    assert {one["verdict"] for one in answer["items"]} == {"proven-installed"}
    assert answer["complete"]
    assert states(made) == {"INSTALLED": 20, "PREPARED": 2}
    (told,) = msp_hears(made)
    assert len(told["provenInstalled"]) == 20
    assert told["provenFailed"] == told["notProven"] == told["conflicts"] == []
    assert msp_hears(made) == []


def test_the_msp_that_is_away_hears_later(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    post(made, report(name, [good(1, entries[0])]))

    def handler(request: Any) -> Any:
        return Response(503)
        yield

    assert Driver({"https://msp.example": handler}).run(made.smdpf.notify()) == 0
    assert len(msp_hears(made)[0]["provenInstalled"]) == 1


def test_a_broken_signature_proves_nothing(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    bad = bytearray(chip(0).result(entries[0]))
    bad[-1] ^= 1
    items = [item(1, entries[0], {"euiccResult": bad.hex()}), good(2, entries[1])]
    answer = post(made, report(name, items))
    assert answer["items"][0]["rule"] == "SMDPF.RESULT-SIGNATURE"
    assert states(made) == {"DELIVERED": 1, "INSTALLED": 1, "PREPARED": 2}
    (told,) = msp_hears(made)
    assert [one["iccid"] for one in told["notProven"]] == [entries[0].iccid]
    careless, name, entries = made_with(tmp_path / "b", 1, off={"SMDPF.RESULT-SIGNATURE"})
    bad = bytearray(chip(0).result(entries[0]))
    bad[-1] ^= 1
    post(careless, report(name, [item(1, entries[0], {"euiccResult": bad.hex()})]))
    assert states(careless)["INSTALLED"] == 1


def test_a_result_of_another_chip(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    other = chip(1).result(entries[1]).hex()
    answer = post(made, report(name, [item(1, entries[0], {"euiccResult": other})]))
    assert answer["items"][0]["verdict"] == "refused"
    # signed by another chip, although it names this transaction
    forged = chip(1).result(entries[0]).hex()
    raw = report(name, [item(1, entries[0], {"euiccResult": forged})], station="s2")
    assert post(made, raw)["items"][0]["rule"] == "SMDPF.RESULT-SIGNATURE"
    assert states(made) == {"DELIVERED": 2, "PREPARED": 2}
    careless, name, entries = made_with(tmp_path / "b", 2, off={"SMDPF.ITEM-NAMES"})
    other = chip(1).result(entries[1]).hex()
    post(careless, report(name, [item(1, entries[0], {"euiccResult": other})]))
    assert states(careless)["INSTALLED"] == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"transactionId": "00" * 16}, "SMDPF.RESULT-TRANSACTION"),
        ({"smdpOid": "2.999.12"}, "SMDPF.RESULT-OID"),
        (
            {
                "notificationMetadata": {
                    "seqNumber": 1,
                    "profileManagementOperation": {"value": "80", "length": 1},
                    "notificationAddress": "testsmdpplus1.example.com",
                    "iccid": "989900010000009999f0",
                }
            },
            "SMDPF.RESULT-ICCID",
        ),
    ],
)
def test_results_of_others(tmp_path: Path, changes: dict[str, Any], rule: str) -> None:
    for off, state in ((set(), "DELIVERED"), ({rule}, "INSTALLED")):
        made, name, entries = made_with(tmp_path / state, 1, off=off)
        raw = chip(0).result(entries[0], **changes).hex()
        answer = post(made, report(name, [item(1, entries[0], {"euiccResult": raw})]))
        assert answer["items"][0].get("rule") == (None if off else rule)
        assert states(made)[state] == 1


@pytest.mark.parametrize("changes", [{"eid": "89" * 16}, {"iccid": "98" * 10}])
def test_items_name_what_was_bound(tmp_path: Path, changes: dict[str, str]) -> None:
    made, name, entries = made_with(tmp_path, 1)
    answer = post(made, report(name, [{**good(1, entries[0]), **changes}]))
    assert answer["items"][0]["rule"] == "SMDPF.ITEM-NAMES"
    assert states(made)["DELIVERED"] == 1


def test_errors_of_the_line_decide_nothing(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    items = [
        item(1, entries[0], {"fpaError": {"code": "deviceDamaged"}}),
        item(2, None, {"fpaError": {"code": "noAnswerToReset"}}),
        item(3, entries[1], {"fpaError": {"code": "bppAborted", "statusWord": "6985"}}),
    ]
    answer = post(made, report(name, items))
    assert [one["verdict"] for one in answer["items"]] == ["not-proven"] * 3
    assert states(made)["DELIVERED"] == 2
    (told,) = msp_hears(made)
    assert {one["reason"] for one in told["notProven"]} == {"deviceDamaged", "bppAborted"}
    # a device that breaks after a good result stays installed, with a remark
    post(made, report(name, [good(1, entries[0])], station="s2"))
    damaged = item(1, entries[0], {"fpaError": {"code": "deviceDamaged"}})
    post(made, report(name, [damaged], station="s3"))
    assert made.smdpf.state(entries[0].iccid) == "INSTALLED"
    entry = made.smdpf.entry(entries[0].iccid)
    assert entry is not None
    assert "line: deviceDamaged" in entry.remarks


def test_a_claim_without_a_signature_makes_nothing_installed(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    claims = [
        item(1, entries[0], {"euiccResult": ""}),
        item(2, entries[0], {"euiccResult": "bf3700"}),
        item(3, entries[0], {"fpaError": {"code": "otherError", "text": "success"}}),
    ]
    answer = post(made, report(name, claims))
    assert [one["verdict"] for one in answer["items"]] == ["refused", "refused", "not-proven"]
    assert states(made)["DELIVERED"] == 1
    careless, name, entries = made_with(tmp_path / "b", 1, off={"SMDPF.RESULT-PROOF"})
    post(careless, report(name, [item(1, entries[0], {"euiccResult": "bf3700"})]))
    assert states(careless)["INSTALLED"] == 1


def test_the_same_report_again(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 4)
    failed = item(4, entries[3], {"fpaError": {"code": "stationAbort"}})
    raw = report(name, [*(good(n, e) for n, e in enumerate(entries[:3], 1)), failed])
    first = post(made, raw)
    before = list(made.smdpf.store.keys(""))
    assert [post(made, raw), post(made, raw)] == [first, first]
    # but for the number of the call
    assert list(made.smdpf.store.keys("")) == before
    # with other cuts, and the same items
    twin = report(name, [good(1, entries[0]), good(2, entries[1])], reportId="22" * 16)
    assert post(made, twin)["items"][0]["verdict"] == "proven-installed"
    assert states(made)["INSTALLED"] == 3
    (told,) = msp_hears(made)
    assert [len(told[one]) for one in ("provenInstalled", "notProven")] == [3, 1]


def test_other_content_under_one_number(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    post(made, report(name, [item(1, entries[0], {"fpaError": {"code": "stationAbort"}})]))
    with pytest.raises(Refusal, match="report-other"):
        post(made, report(name, [good(1, entries[1])]))
    assert states(made)["DELIVERED"] == 2
    (station,) = made.call("gaps", DM, {}, name)["stations"]
    assert station["flags"] == ["sequence 1 came with other content"]
    careless, name, entries = made_with(tmp_path / "b", 2, off={"SMDPF.REPORT-SEQUENCE"})
    post(careless, report(name, [item(1, entries[0], {"fpaError": {"code": "stationAbort"}})]))
    assert post(careless, report(name, [good(1, entries[1])]))["items"]


def test_lost_reports_are_gaps_and_come_later(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 6)
    one = report(name, [good(n, e) for n, e in enumerate(entries[:2], 1)])
    two = report(name, [good(n, e) for n, e in enumerate(entries[2:4], 3)], one)
    three = report(name, [good(n, e) for n, e in enumerate(entries[4:], 5)], two, final=True)
    post(made, one)
    answer = post(made, three)
    assert (answer["missing"], answer["complete"]) == ([[3, 4]], False)
    shown = made.call("gaps", DM, {}, name)
    assert shown["stations"][0]["missing"] == [[3, 4]]
    assert shown["withoutOutcomeCount"] == 2
    assert states(made) == {"DELIVERED": 2, "INSTALLED": 4, "PREPARED": 2}
    assert made.smdpf.tick(NOW + DAY) == 0
    assert made.smdpf.tick(NOW + 8 * DAY) == 2
    assert states(made)["UNKNOWN"] == 2
    made.now = NOW + 9 * DAY
    msp_hears(made)
    answer = post(made, two)
    assert (answer["missing"], answer["complete"]) == ([], True)
    assert states(made) == {"INSTALLED": 6, "PREPARED": 2}
    (told,) = msp_hears(made)
    assert told["supplement"]
    assert len(told["provenInstalled"]) == 2


def test_the_last_report_tells_where_a_station_ends(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    one = report(name, [good(1, entries[0])])
    two = report(name, [good(2, entries[1])], one)
    end = report(name, [], two, final=True, firstSequence=3, lastSequence=2)
    post(made, one)
    answer = post(made, end)
    assert (answer["missing"], answer["complete"]) == ([[2, 2]], False)
    assert made.call("gaps", DM, {}, name)["stations"][0]["missing"] == [[2, 2]]
    assert made.smdpf.tick(NOW + 8 * DAY) == 1
    answer = post(made, two)
    assert (answer["missing"], answer["complete"]) == ([], True)


def test_chains(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 4)
    one = report(name, [good(1, entries[0])])
    two = report(name, [good(2, entries[1])], one)
    post(made, one)
    for wrong in (
        report(name, [good(2, entries[1])], b"another"),
        report(name, [good(2, entries[1])]),
    ):
        with pytest.raises(Refusal, match="report-chain"):
            post(made, wrong)
    with pytest.raises(Refusal, match="report-chain"):
        post(made, report(name, [good(1, entries[0])], b"something", station="s2"))
    post(made, two)
    # the later one came first: who is right is told, not decided
    later = report(name, [good(2, entries[3])], b"another", station="s3")
    post(made, later)
    post(made, report(name, [good(1, entries[2])], station="s3"))
    flags = {one["stationId"]: one["flags"] for one in made.call("gaps", DM, {}, name)["stations"]}
    assert flags["s1"] == []
    assert "does not follow" in flags["s3"][0]


def test_signed_errors(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    items = [
        item(1, entries[0], {"euiccResult": chip(0).result(entries[0], MEMORY).hex()}),
        item(2, entries[1], {"euiccResult": chip(1).result(entries[1], "pprNotAllowed").hex()}),
    ]
    answer = post(made, report(name, items))
    assert [one["reason"] for one in answer["items"]] == [MEMORY, "pprNotAllowed"]
    assert states(made)["FAILED"] == 2
    (told,) = msp_hears(made)
    assert [one.get("again", False) for one in told["provenFailed"]] == [True, False]
    # the same package may be tried again after lack of memory
    post(made, report(name, [good(1, entries[0], seq=2)], station="s2"))
    assert made.smdpf.state(entries[0].iccid) == "INSTALLED"
    # and an older error takes nothing back
    older = item(1, entries[0], {"euiccResult": chip(0).result(entries[0], MEMORY, seq=7).hex()})
    post(made, report(name, [older], station="s3"))
    assert made.smdpf.state(entries[0].iccid) == "INSTALLED"


def test_field_notification_instead_of_a_report_and_after_it(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 2)
    raw = chip(0).result(entries[0])
    assert made.smdpf.field_result(raw) == ""
    assert made.smdpf.state(entries[0].iccid) == "INSTALLED"
    post(made, report(name, [item(1, entries[0], {"euiccResult": raw.hex()})]))
    (told,) = msp_hears(made)
    assert len(told["provenInstalled"]) == 1
    assert told["conflicts"] == []
    assert made.smdpf.field_result(b"\xbf\x37\x00") != ""
    careless, name, entries = made_with(tmp_path / "b", 1, off={"SMDPF.RESULT-SAME"})
    raw = chip(0).result(entries[0])
    careless.smdpf.field_result(raw)
    post(careless, report(name, [item(1, entries[0], {"euiccResult": raw.hex()})]))
    assert len(msp_hears(careless)[0]["conflicts"]) == 1


def test_success_of_a_withdrawn_entry_is_a_conflict(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    made.call("withdraw", MSP, {"all": True}, made.order)
    msp_hears(made)
    answer = post(made, report(name, [good(1, entries[0])]))
    assert answer["items"][0]["verdict"] == "conflict"
    assert made.smdpf.state(entries[0].iccid) == "WITHDRAWN"
    (told,) = msp_hears(made)
    assert len(told["conflicts"]) == 1


def test_a_second_success_of_one_package_is_told(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    post(made, report(name, [good(1, entries[0])]))
    answer = post(made, report(name, [good(1, entries[0], seq=5)], station="s2"))
    assert answer["items"][0]["reason"] == "second-success"
    (told,) = msp_hears(made)
    assert len(told["conflicts"]) == 1


def removals(made: Bench, *pairs: tuple[str, bytes]) -> list[dict[str, Any]]:
    listed = [
        {"iccid": iccid, "evidence": base64.b64encode(evidence).decode()}
        for iccid, evidence in pairs
    ]
    return list(made.call("removals", DM, {"removals": listed})["removals"])


def test_removals_with_and_without_proof(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 5)
    post(made, report(name, [good(n, e) for n, e in enumerate(entries[:4], 1)]))
    forged = bytearray(chip(2).state())
    forged[60] ^= 1
    answers = removals(
        made,
        (entries[0].iccid, chip(0).state()),
        (entries[1].iccid, chip(1).state([entries[1].iccid])),
        (entries[2].iccid, chip(3).state()),
        (entries[2].iccid, b"\xff\x45\x00"),
        (entries[4].iccid, chip(4).state()),
        ("8999001000099999990", chip(4).state()),
        (entries[0].iccid, chip(0).state()),
    )
    assert [one["verdict"] for one in answers] == [
        "removed", "not-proven", "not-proven", "not-proven", "not-proven", "refused", "not-proven",
    ]  # fmt: skip
    assert states(made) == {"DELIVERED": 1, "INSTALLED": 3, "REMOVED": 1, "PREPARED": 2}
    told = msp_hears(made)[0]
    assert len(told["removed"]) == 1


def test_removal_in_a_report(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    first = report(name, [good(1, entries[0])])
    post(made, first)
    gone = item(2, entries[0], {"deleted": chip(0).state().hex()})
    answer = post(made, report(name, [gone], first))
    assert answer["items"][0]["verdict"] == "removed"
    older = removals(made, (entries[0].iccid, chip(0).state(counter=1)))
    assert older[0]["verdict"] == "not-proven"


@pytest.mark.parametrize("off", [False, True])
def test_an_older_state_proves_no_removal(tmp_path: Path, off: bool) -> None:
    made = bench(tmp_path, off={"SMDPF.REMOVAL-NEWER"} if off else ())
    made.place(2)
    made.know(chip(1))
    name = made.bind([(chip(1).eid, ref) for ref in chip(1).refs])["deliveryId"]
    made.smdpf.hand_over(name)
    one, two = made.smdpf.jobs.entries(Work(made.smdpf.store), name)
    post(made, report(name, [good(1, one), good(2, two, seq=2)]))
    newer, older = chip(1).state([two.iccid], counter=9), chip(1).state(counter=5)
    assert removals(made, (one.iccid, newer))[0]["verdict"] == "removed"
    # a state from before cannot tell what was removed after
    assert removals(made, (two.iccid, older))[0]["verdict"] == ("removed" if off else "not-proven")


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_random_loss_and_order_of_reports(tmp_path: Path, share: float) -> None:
    chance = random.Random(share)
    made, name, entries = made_with(tmp_path, 60)
    reports: list[bytes] = []
    expected: dict[str, list[list[int]]] = {}
    kept: list[bytes] = []
    lost: list[bytes] = []
    for station in range(4):
        own = entries[station::4]
        previous: bytes | None = None
        last_kept = 0
        missing: list[list[int]] = []
        for at, entry in enumerate(own, 1):
            raw = report(name, [good(at, entry)], previous, station=f"s{station}")
            reports.append(raw)
            previous = raw
            if chance.random() < share:
                lost.append(raw)
            else:
                kept.append(raw)
                if at > last_kept + 1:
                    missing.append([last_kept + 1, at - 1])
                last_kept = at
        expected[f"s{station}"] = missing
    chance.shuffle(kept)
    for raw in kept:
        post(made, raw)
    shown = made.call("gaps", DM, {}, name)
    assert {one["stationId"]: one["missing"] for one in shown["stations"]} == expected
    assert states(made).get("INSTALLED") == len(kept)
    chance.shuffle(lost)
    for raw in lost:
        post(made, raw)
    assert states(made)["INSTALLED"] == 60
    assert made.call("gaps", DM, {}, name)["withoutOutcomeCount"] == 0


def test_json_twin(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    raw = report(name, [good(1, entries[0])])
    twin = codec.load("IFPP@0").decode("ProfileLoadingReport", raw).value
    answer = made.call("report", DM, {"report": twin})
    assert answer["items"][0]["verdict"] == "proven-installed"
    assert post(made, raw) == answer
    for bad in (5, [], {"header": 1}, {"header": {}, "items": []}, {"items": [[[]]]}):
        with pytest.raises(Refusal):
            made.call("report", DM, {"report": bad})


def test_reports_about_nothing_of_ours(tmp_path: Path) -> None:
    made, name, entries = made_with(tmp_path, 1)
    with pytest.raises(Refusal, match="report-unknown"):
        post(made, report("elsewhere", [good(1, entries[0])]))
    for header in (
        {"firstSequence": 0}, {"lastSequence": 9}, {"stationId": ""}, {"stationId": "a/b"},
    ):  # fmt: skip
        with pytest.raises(Refusal, match="report-format"):
            post(made, report(name, [good(1, entries[0])], **header))
    stranger = item(1, entries[0], {"euiccResult": "bf3700"}, packageId="77" * 16)
    assert post(made, report(name, [stranger]))["items"][0]["verdict"] == "refused"


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_changed_reports_install_nothing_that_was_not_signed(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made, name, entries = made_with(Path(folder), 1)
        octets = bytearray(report(name, [good(1, entries[0])]))
        for _ in range(data.draw(st.integers(1, 3))):
            octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
        if data.draw(st.booleans()):
            octets = octets[: data.draw(st.integers(0, len(octets)))]
        try:
            answer = post(made, bytes(octets))
        except Refusal:
            assert states(made)["DELIVERED"] == 1
            return
        # what is not covered by a signature, such as a time, may have changed
        assert all(one["verdict"] for one in answer["items"])


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=20))
def test_ranges_are_what_sets_say(pairs: list[tuple[int, int]]) -> None:
    ranges: list[list[int]] = []
    numbers: set[int] = set()
    for first, more in pairs:
        mine = set(range(first, first + more + 1))
        assert overlaps(ranges, first, first + more) is bool(numbers & mine)
        ranges = added(ranges, first, first + more)
        numbers |= mine
    assert {n for low, high in ranges for n in range(low, high + 1)} == numbers
    missing = {n for low, high in gaps(ranges) for n in range(low, high + 1)}
    assert missing == set(range(1, max(numbers, default=0) + 1)) - numbers
