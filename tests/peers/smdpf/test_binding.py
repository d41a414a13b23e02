"""Binding and delivery at the SM-DPf: purposes IFPP-DPF-020 to 043, FLT-015 and FLT-016."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from smdpf_made import DM, MSP, Bench, Octets, bench, chip, pki

from dissectors.asn1 import codec
from dissectors.spec.identity import eid_octets
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_keys import Suite, signed_part, unavailable
from sgprobe.crypto.keys import verify
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import check_delivery
from sgprobe.peers.delivery.entry import Contents, read_package
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.profiles.library import subscription
from sgprobe.peers.smdpf.orders import TYPES
from sgprobe.peers.smdpf.server import SmDpf
from sgprobe.peers.store import MemoryStore


def contents(made: Bench, delivery: str) -> list[Contents]:
    files = made.smdpf.jobs.files(delivery)
    found = check_delivery(files, [pki().anchor], packages=True)
    assert found.ok, found.faults
    book = DeliveryBook(files, found.usable)
    eids = sorted({one.eid for one in book.entries()})
    places = [place for eid in eids for place in book.find(eid)]
    assert all(one.entry.matches(book.package(one)) for one in places)
    return [read_package(book.package(one)) for one in places]


def codes(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [f"{one['subjectCode']}/{one['reasonCode']}" for one in answer["refusals"]]


def test_a_package_opens_with_the_key_it_is_bound_to(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(1, profileType="12k", mccMnc="26201")
    one = chip(1)
    made.know(one)
    name, (entry,) = made.deliver(one)
    (package,) = contents(made, name)
    opened = ifpp.open_package(one.pairs[0], eid_octets(one.eid), package.context, package.bound)
    assert 11_000 < len(opened.elements) < 13_000
    metadata = codec.load("SGP.22@2.5").decode("StoreMetadataRequest", opened.metadata).value
    assert metadata["profileOwner"] == {"mccMnc": "62f210"}
    assert entry.iccid == package.iccid
    for other in (one.pairs[1], chip(2).pairs[0]):
        with pytest.raises(Exception):  # noqa: B017
            ifpp.open_package(other, eid_octets(one.eid), package.context, package.bound)


def test_context_names_what_is_bound_and_brings_the_chain(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(1)
    made.know(chip(1))
    name, (entry,) = made.deliver(chip(1))
    (package,) = contents(made, name)
    value = codec.load("IFPP@0").decode("IfppLoadContextRequest", package.context).value
    tbs = value["tbs"]
    assert (tbs["eid"], tbs["keyRef"]) == (entry.eid, entry.key_ref)
    assert tbs["transactionId"] == entry.transaction
    assert tbs["smdpfOid"] == "2.999.10"
    shown = [bytes.fromhex(one) for one in value["certificates"]]
    assert shown[0] == pki()["dppb"].certificate.der
    assert pki().ci.der not in shown
    bound = codec.load("SGP.22@2.5").decode("BoundProfilePackage", package.bound)
    assert bound.ok


def test_part_of_an_order_and_more_than_it(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(10)
    chips = [chip(number) for number in range(12)]
    made.know(*chips)
    first = made.bind([(one.eid, one.refs[0]) for one in chips[:3]])
    second = made.bind([(one.eid, one.refs[0]) for one in chips[3:]])
    assert (first["bound"], second["bound"]) == (3, 7)
    assert codes(second) == ["8.2/3.7"] * 2
    both = contents(made, first["deliveryId"]) + contents(made, second["deliveryId"])
    assert len({one.iccid for one in both}) == 10
    careless = bench(tmp_path / "b", off={"SMDPF.ORDER-COUNT"})
    careless.place(1)
    careless.know(*chips[:2])
    assert careless.bind([(one.eid, "") for one in chips[:2]])["bound"] == 2


def test_a_key_serves_once(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(10)
    one = chip(1)
    made.know(one)
    entry = (one.eid, one.refs[0])
    assert made.bind([entry])["bound"] == 1
    again = made.bind([entry, entry])
    assert (again["bound"], codes(again)) == (0, ["9.41.1/3.8"] * 2)
    # any key that is left, and then none
    assert made.bind([(one.eid, "")])["bound"] == 1
    assert codes(made.bind([(one.eid, "")])) == ["9.41.1/3.7"]
    assert codes(made.bind([(one.eid, "0000000000000000")])) == ["9.41.1/3.9"]
    assert codes(made.bind([(chip(9).eid, "")])) == ["8.1.1/3.9"]
    careless = bench(tmp_path / "b", off={"SMDPF.KEY-FREE"})
    careless.place(2)
    careless.know(one)
    assert careless.bind([entry, entry])["bound"] == 2


def test_nothing_repeats_over_many_bindings(tmp_path: Path) -> None:
    made = bench(tmp_path, seed="x")
    made.place(60)
    chips = [chip(number) for number in range(60)]
    made.know(*chips)
    name, entries = made.deliver(*chips)
    packages = contents(made, name)
    channels = [
        codec.load("SGP.22@2.5")
        .decode("BoundProfilePackage", one.bound)
        .value["initialiseSecureChannelRequest"]
        for one in packages
    ]
    assert len({one["smdpOtpk"] for one in channels}) == 60
    assert len({one["controlRefTemplate"]["hostId"] for one in channels}) == 60
    assert len({one.transaction for one in entries}) == 60


def test_mutants_repeat_keys_and_ids(tmp_path: Path) -> None:
    made = bench(tmp_path, off={"SMDPF.FRESH-KEY"})
    made.place(2)
    made.know(chip(1), chip(2))
    name, _ = made.deliver(chip(1), chip(2))
    channels = [
        codec.load("SGP.22@2.5")
        .decode("BoundProfilePackage", one.bound)
        .value["initialiseSecureChannelRequest"]["smdpOtpk"]
        for one in contents(made, name)
    ]
    assert channels[0] == channels[1]


def test_nothing_clear_and_no_private_key_leaves(tmp_path: Path) -> None:
    made = bench(tmp_path, seed="secret")
    made.place(3)
    made.know(chip(1))
    name, (entry,) = made.deliver(chip(1))
    person = subscription("secret", entry.iccid, TYPES["small"])
    files = made.smdpf.jobs.files(name)
    everything = b"".join(files.read(one) for one in files.names())
    known = list(made.smdpf.store.keys(""))
    told = repr([made.smdpf.store.get(key) for key in known]).encode()
    otsk = pki()["dppb"].key.private_numbers().private_value.to_bytes(32, "big")
    for secret in (person.k, person.opc, person.imsi.encode(), otsk):
        for octets in (everything, told):
            assert secret not in octets
            assert secret.hex().encode() not in octets


def test_expired_certificate_binds_nothing(tmp_path: Path) -> None:
    made = bench(tmp_path, signer=pki().get("dppb", "expired"))
    made.place(1)
    made.know(chip(1))
    answer = made.bind([(chip(1).eid, "")])
    assert (answer["state"], answer["bound"], answer["reason"]) == ("failed", 0, "signer-expired")
    with pytest.raises(Refusal, match="delivery-unknown"):
        made.smdpf._file((answer.get("deliveryId", "x"), "manifest.json"), DM)


def test_jobs_wait_while_the_hsm_is_away(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(1)
    made.know(chip(1))
    made.smdpf.jobs.ready = lambda: False
    answer = made.bind([(chip(1).eid, "")])
    assert (answer["state"], answer["bound"]) == ("queued", 0)
    made.smdpf.jobs.ready = lambda: True
    made.smdpf.work(made.now)
    assert made.call("job", DM, {}, answer["jobId"])["state"] == "done"


def test_who_goes_on_without_the_hsm_signs_nothing(tmp_path: Path) -> None:
    made = bench(tmp_path, off={"SMDPF.SIGNER-READY"})
    made.place(2)
    key = made.smdpf.setup.signer.certificate.public_key
    assert key is not None
    for number, ready in ((1, True), (2, False)):
        made.know(chip(number))
        made.smdpf.jobs.ready = lambda ready=ready: ready
        answer = made.bind([(chip(number).eid, "")])
        (package,) = contents(made, answer["deliveryId"])
        shown = codec.load("IFPP@0").decode("IfppLoadContextRequest", package.context).value
        signature = bytes.fromhex(shown["signature"])
        assert verify(key, signature, signed_part(package.context)) is ready


@pytest.mark.parametrize("off", [False, True])
def test_a_job_goes_on_after_a_crash(tmp_path: Path, off: bool) -> None:
    store = MemoryStore()
    made = bench(tmp_path, store=store)
    made.place(1)
    made.know(chip(1))
    made.smdpf.jobs.ready = lambda: False
    made.bind([(chip(1).eid, "")])
    again = bench(tmp_path, store=store, off={"SMDPF.RESUME"} if off else ())
    assert (again.smdpf.step(made.now) is None) is off


def test_two_profiles_for_one_eid(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(2)
    one = chip(1)
    made.know(one)
    answer = made.bind([(one.eid, ref) for ref in one.refs])
    packages = contents(made, answer["deliveryId"])
    assert {p.key_ref for p in packages} == set(one.refs)
    for package in packages:
        pair = next(p for p in one.pairs if p.ref.hex() == package.key_ref)
        assert ifpp.open_package(pair, eid_octets(one.eid), package.context, package.bound)


def test_other_device_makers_are_refused(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.know(chip(1), dmId="other.example")
    made.place(2, dmId="other.example")
    with pytest.raises(Refusal, match="not-allowed"):
        made.request([(chip(1).eid, "")])
    made.place(2)
    assert codes(made.bind([(chip(1).eid, "")])) == ["1.2/1.2"]
    made.know(chip(2))
    name, _ = made.deliver(chip(2))
    with pytest.raises(Refusal, match="not-allowed"):
        made.smdpf._file((name, "manifest.json"), "other.example")
    careless = bench(tmp_path / "b", off={"SMDPF.ORDER-DM", "SMDPF.DATA-DM"})
    careless.know(chip(1), dmId="other.example")
    careless.place(2, dmId="other.example")
    assert careless.bind([(chip(1).eid, "")])["bound"] == 1


def test_withdrawal(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(5)
    chips = [chip(number) for number in range(3)]
    made.know(*chips)
    _, entries = made.deliver(*chips)
    one = made.call("withdraw", MSP, {"iccids": [entries[0].iccid]}, made.order)
    assert one["withdrawn"] == [
        {"iccid": entries[0].iccid, "state": "WITHDRAWN", "was": "DELIVERED"}
    ]
    # again, and one that is not bound: no edge leads there
    order = made.smdpf.order(made.order)
    assert order is not None
    refused = made.call(
        "withdraw", MSP, {"iccids": [entries[0].iccid, order.iccid(4), "1"]}, made.order
    )
    assert [one["reasonCode"] for one in refused["withdrawn"]] == ["3.3", "3.9", "3.9"]
    rest = made.call("withdraw", MSP, {"all": True}, made.order)
    assert len(rest["withdrawn"]) == 2
    with pytest.raises(Refusal, match="order-closed"):
        made.request([(chips[0].eid, "")])
    assert made.call("show-order", MSP, {}, made.order)["states"] == {
        "PREPARED": 2, "WITHDRAWN": 3,
    }  # fmt: skip


def test_a_delivery_that_supersedes_voids_the_former(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(6)
    chips = [chip(number) for number in range(2)]
    made.know(*chips)
    name, entries = made.deliver(*chips)
    assert [one.iccid for one in made.smdpf.affected(pki()["dppb"].certificate.der)] == sorted(
        one.iccid for one in entries
    )
    again = made.bind([(one.eid, one.refs[1]) for one in chips], supersedes=name)
    assert again["bound"] == 2
    assert [made.smdpf.state(one.iccid) for one in entries] == ["WITHDRAWN"] * 2
    files = made.smdpf.jobs.files(again["deliveryId"])
    assert check_delivery(files, [pki().anchor]).manifest.supersedes == name
    with pytest.raises(Refusal, match="delivery-unknown"):
        made.request([(chips[0].eid, "")], supersedes="nothing")


@pytest.mark.parametrize("at", range(9))
def test_a_crash_in_a_job_binds_nothing_twice(tmp_path: Path, at: int) -> None:
    store = MemoryStore()
    made = bench(tmp_path, store=store, shard_entries=90)
    made.place(260)
    chips = [chip(number, 1) for number in range(250)]
    made.know(*chips)
    job = made.request([(one.eid, one.refs[0]) for one in chips])

    class Cut(Exception):
        pass

    real, left = store.commit, at

    def commit(changes: object) -> None:
        nonlocal left
        if not left:
            raise Cut
        left -= 1
        real(changes)  # type: ignore[arg-type]

    store.commit = commit  # type: ignore[method-assign, assignment]
    try:
        made.smdpf.work(made.now)
    except Cut:
        pass
    store.commit = real  # type: ignore[method-assign]
    again = SmDpf(made.smdpf.setup, store, Octets("after"))
    made.smdpf = again
    again.work(made.now)
    assert made.call("job", DM, {}, job["jobId"])["bound"] == 250
    packages = contents(made, job["deliveryId"])
    assert len({one.iccid for one in packages}) == len({one.key_ref for one in packages}) == 250
    order = again.order(made.order)
    assert order is not None
    assert (order.used, order.states) == (250, {"BOUND": 250})


@pytest.mark.parametrize("suite", [Suite.H1, Suite.H1S])
def test_hybrid_suites(tmp_path: Path, suite: Suite) -> None:
    missing = unavailable(suite)
    if missing:
        pytest.skip(missing)
    made = bench(tmp_path)
    made.place(4)
    one, weak = chip(1, suite=suite), chip(2)
    made.know(one, weak)
    answer = made.bind([(one.eid, one.refs[0]), (weak.eid, weak.refs[0])], suite=int(suite))
    assert (answer["bound"], codes(answer)) == (1, ["9.41.4/3.8"])
    (package,) = contents(made, answer["deliveryId"])
    pair = one.pairs[0]
    assert ifpp.open_package(pair, eid_octets(one.eid), package.context, package.bound)
    classical = replace(pair, suite=Suite.C1)
    with pytest.raises(Exception):  # noqa: B017
        ifpp.open_package(classical, eid_octets(one.eid), package.context, package.bound)
    # never silently weaker
    assert codes(made.bind([(one.eid, one.refs[1])])) == ["9.41.4/3.8"]


def test_requests_that_cannot_be_read(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.place(1)
    for members in (
        {"entries": []},
        {"entries": [{"eid": "1"}]},
        {"entries": ["x"]},
        {"entries": [{"eid": "1" * 32, "keyRef": 5}]},
        {"entries": [{"eid": "1" * 32}], "suite": 9},
        {"entries": [{"eid": "1" * 32}], "policy": 1},
        {"entries": [{"eid": "1" * 32}], "deliveryId": "../x"},
        {"entries": [{"eid": "1" * 32}], "orderId": "none"},
    ):
        with pytest.raises(Refusal):
            made.call("request", DM, {"orderId": made.order, **members})
    assert made.smdpf.store.get("jobs") is None
