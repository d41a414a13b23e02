"""Two bindings, one case: what a case says is the same through version 0 and through a toy."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from smdpf_made import NOW, Octets, item, pki, report
from toy import ToyEuicc, ToySmDpf

from dissectors.link.apdu_bpp import split_bpp
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.factory.adapter import EuiccAdapter, SmDpfAdapter
from sgprobe.factory.euicc import TableEuicc
from sgprobe.factory.eum import EumReference
from sgprobe.factory.model import (
    AdapterError,
    BindingEntry,
    BindingRequest,
    DeliveryHandle,
    ErrorClass,
    LoadingReport,
    PreboundPackage,
    ProfileOrder,
)
from sgprobe.factory.smdpf import VERSION_0, TableSmDpf, Version0SmDpf
from sgprobe.factory.table import NoMessage, build, decode, encode, load_table, read
from sgprobe.fileerror import FileError
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.smdpf.server import SmDpf, make_setup
from sgprobe.peers.store import MemoryStore

TOY = Path(__file__).with_name("toy.yaml")
KIND = Kind(config=Config(local_management=True), keys=(Suite.C1, Suite.C1))


def chips(count: int) -> list[Personalised]:
    eum = Eum(pki(), entropy=random.Random(7))
    return [eum.personalise(number, KIND) for number in range(500, 500 + count)]


@dataclasses.dataclass
class Binding:
    """The two roles through the adapters of one binding."""

    smdpf: SmDpfAdapter
    inner: SmDpf
    euicc: Callable[[Personalised], EuiccAdapter]


def version0(folder: Path) -> Binding:
    inner = SmDpf(make_setup(pki(), folder), MemoryStore(), Octets())
    adapter = Version0SmDpf(
        lambda request: inner.answer(request, NOW),
        wait=lambda: inner.work(NOW),
        state=lambda iccid: str(inner.state(iccid)),
    )

    def euicc(chip: Personalised) -> EuiccAdapter:
        card = Card(chip.euicc())
        return TableEuicc(load_table(VERSION_0), lambda apdu: card.apdu(apdu, NOW), card.reset)

    return Binding(adapter, inner, euicc)


def toy(folder: Path) -> Binding:
    inner = SmDpf(make_setup(pki(), folder), MemoryStore(), Octets())
    server = ToySmDpf(inner, NOW)
    table = load_table(TOY)
    adapter = TableSmDpf(table, server.answer, state=lambda iccid: str(inner.state(iccid)))

    def euicc(chip: Personalised) -> EuiccAdapter:
        card = Card(ToyEuicc(chip.euicc()))  # type: ignore[arg-type]
        return TableEuicc(table, lambda apdu: card.apdu(apdu, NOW), card.reset)

    return Binding(adapter, inner, euicc)


BINDINGS = pytest.mark.parametrize("make", [version0, toy])


def bound(
    binding: Binding, known: list[Personalised]
) -> tuple[DeliveryHandle, list[PreboundPackage]]:
    order = binding.smdpf.order(ProfileOrder("12k", len(known), mcc_mnc="00101"))
    export = EumReference(Eum(pki()), known).export([one.eid for one in known])
    verdicts = binding.smdpf.submit_euicc_data(export, "esed1")
    assert [one.accepted for one in verdicts] == [True] * len(known)
    entries = tuple(BindingEntry(one.eid, one.one_time_keys[0].ref) for one in known)
    handle = binding.smdpf.request_packages(BindingRequest(order, entries))
    return handle, list(binding.smdpf.fetch(handle))


def load(euicc: EuiccAdapter, package: PreboundPackage) -> bytes:
    for segment in split_bpp(package.bound):
        verdict = euicc.push_segment(segment)
        assert verdict.accepted, verdict
        if verdict.result:
            return verdict.result
    raise AssertionError("no result")


@BINDINGS
def test_the_same_case_through_both(tmp_path: Path, make: Callable[[Path], Binding]) -> None:
    binding = make(tmp_path)
    one, two = chips(2)
    handle, packages = bound(binding, [one, two])
    assert handle.refused == ()
    assert sorted(p.eid for p in packages) == [one.eid, two.eid]
    package = next(p for p in packages if p.eid == one.eid)
    euicc = binding.euicc(one)
    before = euicc.info()
    assert (before.eid, before.phase) == (one.eid, "open")
    assert sorted(before.keys.values()) == ["unused", "unused"]
    first = euicc.open_context(package)
    assert (first.accepted, first.resumed) == (True, False)
    euicc.power_cycle()
    assert euicc.open_context(package).resumed
    result = load(euicc, package)
    assert result in euicc.results()
    # GENS08: the same package again
    again = euicc.open_context(package)
    assert (again.accepted, again.kind) == (False, ErrorClass.KEY_USED)
    # GENS04: another chip
    other = binding.euicc(two).open_context(package)
    assert (other.accepted, other.kind) == (False, ErrorClass.BINDING)
    state = euicc.signed_state(b"\x07" * 16)
    assert (state.challenge, state.unused) == (b"\x07" * 16, 1)
    assert [(p.iccid, p.loaded_by, p.enabled) for p in state.profiles] == [
        (package.iccid, "fpa", False)
    ]
    # FLOW-14: the report
    entry = binding.inner.entry(package.iccid)
    raw = report(handle.delivery_id, [item(1, entry, {"euiccResult": result.hex()})])
    verdict = binding.smdpf.post_report(LoadingReport(handle.delivery_id, "s1", 1, 1, False, raw))
    assert (verdict.items, verdict.missing) == (("proven-installed",), ())
    assert binding.smdpf.entry_state(package.iccid) == "INSTALLED"
    # RB-63: all that was said can be looked at
    assert {one.sent for one in binding.smdpf.transcript} == {True, False}
    assert any(one.octets[1] == 0xE2 for one in euicc.transcript if one.sent)


@BINDINGS
def test_refusals_have_the_same_classes(tmp_path: Path, make: Callable[[Path], Binding]) -> None:
    binding = make(tmp_path)
    smdpf = binding.smdpf
    with pytest.raises(AdapterError) as refusal:
        smdpf.order(ProfileOrder("nothing", 1))
    assert refusal.value.kind is ErrorClass.UNKNOWN_NAME
    (one,) = chips(1)
    order = smdpf.order(ProfileOrder("small", 1))
    export = EumReference(Eum(pki()), [one]).export([one.eid])
    forged = dataclasses.replace(export.sets[0].one_time_keys[0], proof=bytes(64))
    broken = dataclasses.replace(
        export, sets=(dataclasses.replace(export.sets[0], one_time_keys=(forged,)),)
    )
    verdicts = smdpf.submit_euicc_data(broken, "esed1")
    assert [(v.accepted, v.kind) for v in verdicts] == [(False, ErrorClass.SIGNATURE)]
    assert smdpf.submit_euicc_data(export, "esed1")[0].accepted
    entry = BindingEntry(one.eid, one.one_time_keys[0].ref)
    asked = BindingRequest(order, (entry, entry))
    handle = smdpf.request_packages(asked)
    assert [v.kind for v in handle.refused] == [ErrorClass.KEY_USED]
    spare = BindingEntry(one.eid, one.one_time_keys[1].ref)
    more = smdpf.request_packages(BindingRequest(order, (spare,)))
    assert [v.kind for v in more.refused] == [ErrorClass.EXHAUSTED]
    (package,) = smdpf.fetch(handle)
    assert smdpf.withdraw(order, [package.iccid])[0].accepted
    assert not smdpf.withdraw(order, [package.iccid])[0].accepted
    with pytest.raises(AdapterError):
        EumReference(Eum(pki()), []).export([one.eid])


def test_version_0_closes_the_phase(tmp_path: Path) -> None:
    (one,) = chips(1)
    euicc = version0(tmp_path).euicc(one)
    with pytest.raises(AdapterError) as refusal:
        euicc.close_phase()
    assert refusal.value.kind is ErrorClass.PHASE
    named = euicc.delete_keys([one.one_time_keys[0].ref])
    assert named.unused == 1
    assert euicc.delete_keys(None).unused == 0
    assert euicc.close_phase().phase == "closed"
    with pytest.raises(AdapterError) as refusal:
        euicc.info()
    assert refusal.value.kind is ErrorClass.PHASE


def test_the_two_bindings_share_no_word() -> None:
    """The toy is a second binding in earnest: no path and no member is that of version 0."""
    first, second = load_table(VERSION_0), load_table(TOY)
    for name, operation in second.operations.items():
        other = first.operations[name]
        assert operation.call == "" or operation.call != other.call
        mine = {row.vendor for row in operation.request.rows + operation.answer.rows}
        theirs = {row.vendor for row in other.request.rows + other.answer.rows}
        assert not mine & theirs, name
    assert not set(first.classes) & set(second.classes)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("binding: x\n", "operations is missing"),
        ("binding: x\noperations: {}\nerrors: {path: a, classes: {E: nonsense}}\n", "no class"),
        ("binding: x\noperations: {a: {request: {fields: {'b[]': c}}, answer: {}}}\n"
         "errors: {path: a, classes: {}}\n", "as many"),
        ("binding: x\noperations: {a: {request: {fields: {b: c as z}}, answer: {}}}\n"
         "errors: {path: a, classes: {}}\n", "no form"),
        ("binding: x\noperations: {a: 5}\nerrors: {path: a, classes: {}}\n", "mapping is wanted"),
        ("operations: {}\nerrors: {path: a, classes: {}}\n", "binding and errors.path"),
    ],
)  # fmt: skip
def test_tables_with_mistakes(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(FileError, match=place) as error:
        load_table(path)
    assert error.value.problems[0].source.line >= 1


def test_messages_come_back_as_they_were() -> None:
    table = load_table(TOY)
    message = table.operations["packages"].answer
    canonical = {
        "packages": [
            {"package_id": b"\x01" * 16, "eid": "8" * 32, "key_ref": b"\x02" * 8,
             "iccid": "8999001000000000012", "transaction_id": b"\x03", "suite": 1,
             "context": b"\xff\x41", "bound": b"\xbf\x36"},
        ]
    }  # fmt: skip
    value = build(message, canonical, {})
    assert read(message, decode(message, encode(message, value))) == canonical
    with pytest.raises(NoMessage):
        read(message, {"goods": [{"label": "zz"}]})
    with pytest.raises(NoMessage):
        decode(message, b"[" * 100_000)
    with pytest.raises(NoMessage):
        decode(table.operations["info"].answer, b"\xdf\x7e\x02{}")
