"""The line: purposes IFPP-FPA-001 to 023, and faults FLT-001 to 022 as far as they are its own."""

from __future__ import annotations

import errno
import os
import random
import shutil
import threading
from pathlib import Path

import pytest
from fpa_made import Factory, Plugged, factory, line, personalised
from smdpf_made import DAY, MSP, NOW, bench, pki

from dissectors.asn1 import codec
from dissectors.link.apdu_bpp import split_bpp
from sgprobe.host.station import Slot, at_once
from sgprobe.peers.delivery.check import Refused
from sgprobe.peers.delivery.entry import read_package
from sgprobe.peers.fpa.claims import Claims
from sgprobe.peers.fpa.journal import Journal, JournalError
from sgprobe.peers.fpa.outcome import Code, Outcome, outcome_of


def states(made: Factory) -> dict[str, int]:
    return dict(made.bench.call("show-order", MSP, {}, made.bench.order)["states"])


def test_one_device_is_loaded_and_reported(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    done = made.load(device)
    assert done.good, done.reason
    assert done.loads[0].outcome.success
    assert len(device.profiles()) == 1
    assert device.key_states() == ["consumed", "deleted"]
    assert [one["verdict"] for one in made.report(final=True)] == ["proven-installed"]
    assert states(made)["INSTALLED"] == 1


def test_what_is_sent_is_the_package_in_the_segments_of_sgp22(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    made.load(device)
    (place,) = made.line.stock.deliveries[0].book.find(personalised(1).eid)
    package = read_package(made.line.stock.deliveries[0].book.package(place))
    sent, chain = [], b""
    for command in device.commands:
        if command[1] == 0xE2:
            chain += command[5 : 5 + command[4]]
            if command[2] & 0x80:
                sent.append(chain)
                chain = b""
    first = sent.index(package.context)
    parts = split_bpp(package.bound)
    assert sent[first + 1 : first + 1 + len(parts)] == parts


@pytest.mark.parametrize("block", [254, 128, 255])
def test_block_sizes(tmp_path: Path, block: int) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    assert made.load(Plugged(personalised(1)), block=block).good


def test_a_device_without_a_package_gets_none(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    stranger = Plugged(personalised(2))
    done = made.load(stranger)
    assert (done.good, done.reason) == (False, "package missing")
    assert stranger.profiles() == []
    assert made.items() == [(1, "PACKAGE_MISSING")]
    # the fault of a line that takes the next one: the chip refuses
    made = factory(tmp_path / "b", off={"FPA.NO-OTHER"})
    made.deliver([personalised(1)])
    done = made.load(Plugged(personalised(2)))
    assert done.loads[0].outcome.euicc_error == "eidMismatch"


def test_the_chip_decides_not_the_label(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1), personalised(2)])
    device = Plugged(personalised(2))
    done = made.load(device, scanned=personalised(1).eid)
    assert done.reason == "eid mismatch"
    assert not any(command[5:7] == b"\xff\x41" for command in device.commands)
    assert made.items() == [(1, "EID_MISMATCH")]
    made = factory(tmp_path / "b", off={"FPA.EID"})
    made.deliver([personalised(1), personalised(2)])
    done = made.load(Plugged(personalised(2)), scanned=personalised(1).eid)
    assert done.loads[0].outcome.euicc_error == "eidMismatch"


def test_deliveries_that_are_not_signed_are_not_used(tmp_path: Path) -> None:
    made = factory(tmp_path)
    path = made.deliver([personalised(1)], imported=False)
    manifest = path / "manifest.json"
    good = manifest.read_bytes()
    manifest.write_bytes(good.replace(b'"suite": 1', b'"suite": 2'))
    with pytest.raises(Refused):
        made.line.import_delivery(path, NOW)
    assert made.line.stock.deliveries == ()
    manifest.write_bytes(good)
    assert made.line.import_delivery(path, NOW).ok
    with pytest.raises(Refused, match="in stock"):
        made.line.import_delivery(path, NOW)
    with pytest.raises(Refused):
        made.line.import_delivery(path / "nowhere", NOW)


def test_an_index_altered_after_the_import(tmp_path: Path) -> None:
    made = factory(tmp_path, shard_entries=1)
    path = made.deliver([personalised(1), personalised(2)])
    index = path / "shards/0000.idx"
    index.write_bytes(index.read_bytes().replace(b'"suite":1', b'"suite":9'))
    first = min(personalised(1).eid, personalised(2).eid)
    for number in (1, 2):
        device = Plugged(personalised(number))
        if personalised(number).eid == first:
            assert made.load(device).reason == "manifest invalid"
            assert device.profiles() == []
        else:
            assert made.load(device).good


def test_mutants_that_believe_manifest_and_index(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.MANIFEST"})
    path = made.deliver([personalised(1)], imported=False)
    manifest = path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"factoryId": "', b'"factoryId": "X'))
    assert made.line.import_delivery(path, NOW).ok
    made = factory(tmp_path / "b", off={"FPA.SHARD"})
    path = made.deliver([personalised(1)], imported=False)
    index = path / "shards/0000.idx"
    index.write_bytes(index.read_bytes().replace(b'"n":1', b'"n":7'))
    made.line.import_delivery(path, NOW)
    assert made.load(Plugged(personalised(1))).good


def test_an_altered_package_is_not_sent(tmp_path: Path) -> None:
    made = factory(tmp_path)
    path = made.deliver([personalised(1)])
    packages = path / "shards/0000.bin"
    data = bytearray(packages.read_bytes())
    data[-1] ^= 1
    packages.write_bytes(bytes(data))
    device = Plugged(personalised(1))
    done = made.load(device)
    assert done.loads[0].outcome.code is Code.PACKAGE_DIGEST_MISMATCH
    assert device.key_states() == ["unused", "unused"]
    assert made.items() == [(1, "PACKAGE_DIGEST_MISMATCH")]
    # the fault of a line that does not look: the chip sees it
    made.reopen(off={"FPA.ENTRY-DIGEST"})
    assert not made.load(device).good
    assert device.profiles() == []


@pytest.mark.parametrize("off", [False, True])
def test_two_packages_for_one_key(tmp_path: Path, off: bool) -> None:
    made = factory(tmp_path, off={"FPA.DUPLICATE"} if off else ())
    # an SM-DPf that binds a key twice
    made.bench = bench(tmp_path / "careless", off={"SMDPF.KEY-FREE"})
    made.bench.place(9)
    chip = personalised(1)
    made.deliver([chip, personalised(2)], imported=False)
    ref = chip.one_time_keys[0].ref.hex()
    answer = made.bench.bind([(chip.eid, ref), (chip.eid, ref)])
    path = made.bench.smdpf.hand_over(answer["deliveryId"]).path
    found = made.line.import_delivery(path, NOW)
    assert {one.code for one in found.faults} == {"duplicate"}
    device = Plugged(chip)
    done = made.load(device)
    codes = [one.outcome.code for one in done.loads]
    if off:
        # the chip itself takes one and refuses the other
        assert codes == [None, Code.LOAD_CONTEXT_REFUSED]
        return
    assert codes == [Code.DUPLICATE_PACKAGE] * 2
    assert device.profiles() == []
    assert [kind for _, kind in made.items()] == ["DUPLICATE_PACKAGE"] * 2


def test_expired_deliveries(tmp_path: Path) -> None:
    made = factory(tmp_path)
    path = made.deliver([personalised(1)], validSeconds=10)
    made.clock.time = NOW + DAY
    assert made.load(Plugged(personalised(1))).loads[0].outcome.code is Code.EXPIRED
    other = line(tmp_path / "other")
    with pytest.raises(Refused, match="good until"):
        other.import_delivery(path, NOW + DAY)
    made.reopen(off={"FPA.EXPIRED"})
    assert made.load(Plugged(personalised(1))).good


@pytest.mark.parametrize("successor_first", [False, True])
def test_superseded_deliveries(tmp_path: Path, successor_first: bool) -> None:
    made = factory(tmp_path)
    old = made.deliver([personalised(1), personalised(2)], imported=False)
    new = made.deliver([personalised(1)], key=1, imported=False, supersedes=made.deliveries[0])
    for path in (new, old) if successor_first else (old, new):
        made.line.import_delivery(path, NOW)
    made.reopen()
    done = made.load(Plugged(personalised(1)))
    assert done.good
    assert len(done.loads) == 1
    assert made.load(Plugged(personalised(2))).reason == "package missing"
    report = made.report(final=True)
    assert [one["verdict"] for one in report] == ["proven-installed", "not-proven"]


def test_three_packages_in_their_order(tmp_path: Path) -> None:
    made = factory(tmp_path)
    chip = personalised(1)
    made.deliver([chip], key=1)
    made.deliver([chip], key=0)
    device = Plugged(chip)
    done = made.load(device)
    assert done.good
    assert len(device.profiles()) == 2
    refs = [next(made.line.stock.deliveries[at].book.find(chip.eid)).entry.package_id
            for at in (0, 1)]  # fmt: skip
    assert [one.package_id for one in done.loads] == refs
    assert len(made.report(final=True)) == 2
    assert states(made)["INSTALLED"] == 2


def test_mutant_that_loads_the_last_package_first(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.ORDER"})
    chip = personalised(1)
    made.deliver([chip], key=1)
    made.deliver([chip], key=0)
    refs = [next(made.line.stock.deliveries[at].book.find(chip.eid)).entry.package_id
            for at in (1, 0)]  # fmt: skip
    assert [one.package_id for one in made.load(Plugged(chip)).loads] == refs


def test_mutant_that_cuts_packages_into_blocks(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.SEGMENTS"})
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    assert not made.load(device).good
    assert device.profiles() == []


def test_an_operator_forces_a_package_on_a_device_that_refuses_it(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    other = Plugged(personalised(2))
    forced = Slot(other, clock=made.clock).run(  # type: ignore[arg-type]
        made.station().process(None, personalised(1).eid)
    )
    assert (forced.good, forced.loads[0].outcome.euicc_error) == (False, "eidMismatch")
    assert made.load(Plugged(personalised(1))).good
    made = factory(tmp_path / "b", off={"FPA.RELEASED"})
    made.deliver([personalised(1)])
    Slot(other, clock=made.clock).run(  # type: ignore[arg-type]
        made.station().process(None, personalised(1).eid)
    )
    owner = Plugged(personalised(1))
    made.load(owner)
    assert owner.profiles() == []


def test_damage_is_an_item_of_its_own(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    load = made.load(Plugged(personalised(1))).loads[0]
    made.line.damaged("s1", made.deliveries[0], load.package_id, load.eid, "ff" * 10, NOW)
    assert made.items() == [(1, "RESULT"), (2, "DEVICE_DAMAGED")]


def test_dead_and_refusing_devices_make_items(tmp_path: Path) -> None:
    made = factory(tmp_path)
    chips = [personalised(number) for number in range(1, 21)]
    made.deliver(chips)
    for number, chip in enumerate(chips):
        device = Plugged(chip)
        device.gone = number % 10 == 3
        if number % 10 == 7:
            # the key is gone: the chip refuses
            made.load(device)
            device.store = Plugged(chip).store
            device.power_cycle()
        made.load(device)
    items = made.items()
    assert [number for number, _ in items] == list(range(1, len(items) + 1))
    assert [kind for _, kind in items].count("NO_ANSWER_TO_RESET") == 2
    verdicts = made.report(final=True)
    assert len(verdicts) == len(items)
    assert states(made)["INSTALLED"] == 18


def test_the_end_of_the_line_leaves_no_key(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1), off={"EUICC.IFPP-DELETE"})
    done = made.load(device)
    assert (done.good, done.reason) == (False, "end of line: one-time keys are left")
    assert "unused" in device.key_states()
    # the result is reported all the same
    assert [one["verdict"] for one in made.report()] == ["proven-installed"]
    careless = factory(tmp_path / "b", off={"FPA.LEFTOVERS"})
    careless.deliver([personalised(1)])
    assert careless.load(Plugged(personalised(1), off={"EUICC.IFPP-DELETE"})).good


def test_mutant_that_deletes_no_keys(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.KEYS-DELETED"})
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    assert made.load(device).good
    assert device.key_states() == ["consumed", "unused"]


def test_keys_may_stay_for_stock(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)], policy={"deleteLeftoverKeys": False})
    device = Plugged(personalised(1))
    assert made.load(device).reason == "one-time keys kept"
    assert device.key_states() == ["consumed", "unused"]
    # the configuration step comes later, with another package, after a restart
    made.reopen()
    made.deliver([personalised(1)], key=1)
    made.load(device)
    assert len(device.profiles()) == 2


def test_enabled_after_loading(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)], policy={"enableAfterLoad": True})
    device = Plugged(personalised(1))
    assert made.load(device).good
    assert device.card.euicc.enabled_profile is not None


def test_a_device_that_comes_again_is_left_alone(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    assert made.load(device).good
    again = made.load(device)
    assert (again.good, again.loads) == (True, ())
    assert len(made.items()) == 1


def test_a_package_at_two_stations(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)], policy={"deleteLeftoverKeys": False})
    device = Plugged(personalised(1))
    made.load(device, "s1")
    moved = made.load(device, "s2")
    assert moved.loads[0].outcome.code is Code.DUPLICATE_PACKAGE
    assert len(device.profiles()) == 1
    verdicts = made.report(final=True)
    assert [one["verdict"] for one in verdicts] == ["proven-installed", "not-proven"]
    assert states(made)["INSTALLED"] == 1


def test_mutant_that_makes_no_claims(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.CLAIM"})
    made.deliver([personalised(1)], policy={"deleteLeftoverKeys": False})
    device = Plugged(personalised(1))
    made.load(device, "s1")
    moved = made.load(device, "s2")
    # no case can see it: the eUICC stops what the station does not
    assert moved.loads[0].outcome.euicc_error == "otkConsumed"


def test_a_copy_of_a_delivery_at_a_line_without_claims(tmp_path: Path) -> None:
    made = factory(tmp_path)
    path = made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    made.load(device)
    other = line(tmp_path / "other")
    other.import_delivery(path, NOW)
    moved = Slot(device, clock=made.clock).run(other.station("x1").process())  # type: ignore[arg-type]
    assert moved.loads[0].outcome.code is Code.LOAD_CONTEXT_REFUSED
    assert moved.loads[0].outcome.euicc_error in ("otkConsumed", "factoryPhaseClosed")
    assert len(device.profiles()) == 1
    # with the same claim records the second line knows that it is loaded
    shared = line(tmp_path / "third", claims=tmp_path / "line/claims.sqlite")
    shared.import_delivery(path, NOW)
    moved = Slot(device, clock=made.clock).run(shared.station("y1").process())  # type: ignore[arg-type]
    assert (moved.good, moved.loads) == (True, ())


# --- power and contact ---


def commands_of_a_load(folder: Path) -> int:
    made = factory(folder)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    assert made.load(device).good
    return len(device.commands)


@pytest.mark.parametrize("late", [False, True])
def test_contact_lost_at_every_command(tmp_path: Path, late: bool) -> None:
    whole = commands_of_a_load(tmp_path / "whole")
    made = factory(tmp_path, count=2 * whole)
    chips = [personalised(1 + number % 60) for number in range(whole)]
    for cut in range(whole):
        if cut % 60 == 0:
            made = factory(tmp_path / f"{cut}", count=60)
            made.deliver([personalised(number) for number in range(1, 61)])
        device = Plugged(chips[cut])
        device.cut, device.late = cut, late
        first = made.load(device)
        if not first.good:
            assert first.reason, cut
            second = made.load(device)
            assert second.good, (cut, second)
        assert len(device.profiles()) == 1, cut
        assert device.key_states() == ["consumed", "deleted"], cut
    verdicts = made.report(final=True)
    installed = {one["packageId"] for one in verdicts if one["verdict"] == "proven-installed"}
    assert len(installed) == whole - (whole - 1) // 60 * 60
    assert not {one["verdict"] for one in verdicts} - {"proven-installed", "not-proven"}


def test_a_device_that_goes_away_leaves_the_station_ready(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1), personalised(2)])
    device = Plugged(personalised(1))
    device.cut = 16

    def gone() -> bytes:
        from sgprobe.links.card import ReaderGone

        raise ReaderGone("the device is not there")

    real, tries = device.reset, iter([True])

    def reset() -> bytes:
        return real() if next(tries, False) else gone()

    device.reset = reset  # type: ignore[method-assign]
    done = made.load(device)
    outcome = done.loads[-1].outcome
    assert outcome.code is Code.TRANSPORT_ERROR
    assert outcome.segment is not None
    assert made.load(Plugged(personalised(2))).good


class Cut(BaseException):
    """The line itself loses power."""


def test_power_of_the_line_cut_at_every_command(tmp_path: Path) -> None:
    whole = commands_of_a_load(tmp_path / "whole")
    for cut in range(0, whole + 1, 3):
        made = factory(tmp_path / f"{cut}")
        made.deliver([personalised(1)])
        device = Plugged(personalised(1))
        left = cut

        def after() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Cut

        try:
            made.load(device, after=after)
        except Cut:
            device.power_cycle()
            made.reopen()
        done = made.load(device)
        assert done.good, (cut, done)
        assert len(device.profiles()) == 1
        verdicts = made.report(final=True)
        assert verdicts[-1]["verdict"] == "proven-installed", cut
        kinds = [kind for _, kind in made.items()]
        assert kinds.count("RESULT") == 1
        assert set(kinds) <= {"RESULT", "POWER_LOSS"}
        assert states(made)["INSTALLED"] == 1


def test_power_cut_right_after_the_result(tmp_path: Path) -> None:
    """IFPP-FPA-022 and FLT-007: the result is in the chip, and not yet in the journal."""
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    station = made.station()

    def end(outcome: Outcome, milliseconds: int) -> None:
        raise Cut

    station.journal.end = end  # type: ignore[method-assign, assignment]
    with pytest.raises(Cut):
        made.load(device)
    made.reopen()
    done = made.load(device)
    assert done.good
    assert [kind for _, kind in made.items()] == ["POWER_LOSS", "RESULT"]
    verdicts = [one["verdict"] for one in made.report(final=True)]
    assert verdicts == ["not-proven", "proven-installed"]
    assert len(device.profiles()) == 1


def test_all_stations_recover_when_one_begins(tmp_path: Path) -> None:
    """A line that had four stations goes on with one: nothing stays claimed."""
    made = factory(tmp_path)
    chips = [personalised(number) for number in (1, 2, 3)]
    made.deliver(chips)
    for number, chip in enumerate(chips, 1):
        left = 10 + number

        def after() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Cut

        with pytest.raises(Cut):
            made.load(Plugged(chip), f"s{number}", after=after)
    made.reopen()
    assert made.line.recover() == 3
    for chip in chips:
        assert made.load(Plugged(chip), "s9").good
    verdicts = [one["verdict"] for one in made.report(final=True)]
    assert sorted(verdicts) == ["not-proven"] * 3 + ["proven-installed"] * 3


def test_power_cut_between_journal_and_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))

    def done(self: Claims, package: str, station: str) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(Claims, "done", done)
        with pytest.raises(Cut):
            made.load(device)
    device.power_cycle()
    made.reopen()
    assert made.load(device).good
    assert made.items() == [(1, "RESULT")]


def test_mutant_that_fetches_no_result(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.RESULT-FETCHED"})
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    station = made.station()

    def end(outcome: Outcome, milliseconds: int) -> None:
        raise Cut

    station.journal.end = end  # type: ignore[method-assign, assignment]
    with pytest.raises(Cut):
        made.load(device)
    made.reopen(off={"FPA.RESULT-FETCHED"})
    assert not made.load(device).good


def test_mutant_that_writes_down_too_late(tmp_path: Path) -> None:
    made = factory(tmp_path, off={"FPA.BEGUN"})
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    left = 14

    def after() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Cut

    with pytest.raises(Cut):
        made.load(device, after=after)
    made.reopen()
    assert made.items() == []  # an attempt without an item: what RB-50 forbids


# --- storage ---


def test_a_full_or_read_only_disk_stops_before_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    made.station()
    for number in (errno.ENOSPC, errno.EROFS):

        def refuse(fd: int, offset: int, length: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        with pytest.raises(JournalError):
            made.load(device)
        assert device.key_states() == ["unused", "unused"]
    monkeypatch.undo()
    assert made.load(device).good


def test_a_torn_line_is_no_line_and_a_damaged_one_stops(tmp_path: Path) -> None:
    path = tmp_path / "s1.journal"
    journal = Journal(path)
    journal.begin("D", "00" * 16, "11" * 16, "22" * 10, 1, NOW)
    journal.end(Outcome(code=Code.STATION_ABORT), 5)
    journal.close()
    whole = path.read_bytes()
    assert b"\0" not in whole
    path.write_bytes(whole + b'{"begin":{"deliv')
    torn = Journal(path)
    assert (torn.open, len(list(torn.ended("D")))) == (None, 1)
    with pytest.raises(JournalError, match="another process"):
        Journal(path)
    torn.begin("D", "00" * 16, "11" * 16, "22" * 10, 1, NOW)
    os.close(torn._file)
    again = Journal(path)
    assert again.recover() is not None
    again.close()
    path.write_bytes(whole.replace(b'{"end"', b'{"eXX""') + whole)
    with pytest.raises(JournalError, match=":2:"):
        Journal(path)


def test_two_attempts_at_once_are_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(JournalError):
        journal.end(Outcome(), 0)
    journal.begin("D", "00" * 16, "11" * 16, "22" * 10, 1, NOW)
    with pytest.raises(JournalError):
        journal.begin("D", "00" * 16, "11" * 16, "22" * 10, 1, NOW)


def test_outcomes_come_back_from_records() -> None:
    for one in (
        Outcome(result=b"\xbf\x37\x00"),
        Outcome(code=Code.BPP_ABORTED, status_word=0x6985, segment=0, text="x"),
        Outcome(deleted=b"\xff\x45\x00"),
        Outcome(code=Code.LOAD_CONTEXT_REFUSED, euicc_error="otkConsumed"),
    ):
        assert outcome_of(one.to_record()) == one
        item = {"sequence": 1, "packageId": "00" * 16, "eid": "00" * 16, "iccid": "ff" * 10,
                "attempt": 1, "startedAt": "20260101000000Z", "durationMs": 1,
                "outcome": one.to_item()}  # fmt: skip
        assert codec.load("IFPP@0").encode("ReportItem", item)


def test_claims_of_many_threads(tmp_path: Path) -> None:
    claims = Claims(tmp_path / "claims.sqlite")
    packages = [f"{number:032x}" for number in range(50)]
    won: dict[str, list[str]] = {one: [] for one in packages}

    def work(name: str) -> None:
        own = list(packages)
        random.Random(name).shuffle(own)
        for one in own:
            if claims.claim(one, name).granted:
                won[one].append(name)

    threads = [threading.Thread(target=work, args=(f"s{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(names) == 1 for names in won.values())
    holder = won[packages[0]][0]
    assert claims.claim(packages[0], holder).attempt == 2
    claims.release(packages[0], "somebody")
    assert not claims.claim(packages[0], "somebody").granted
    claims.release(packages[0], holder)
    assert claims.claim(packages[0], "somebody").granted
    claims.done(packages[0], "somebody")
    assert not claims.claim(packages[0], "somebody").granted


def test_sixty_four_stations_lose_and_repeat_nothing(tmp_path: Path) -> None:
    made = factory(tmp_path, count=130)
    chips = [personalised(number) for number in range(1, 129)]
    made.deliver(chips)
    stations = [made.station(f"s{number}") for number in range(64)]
    with pytest.raises(ValueError, match="at most 64"):
        made.station("one-more")
    queue, turn = [Plugged(one) for one in chips], threading.Lock()
    good: list[str] = []
    trouble: list[BaseException] = []

    def work(name: str) -> None:
        while True:
            with turn:
                device = queue.pop() if queue else None
            if device is None:
                return
            try:
                done = made.load(device, name)
            except BaseException as error:
                trouble.append(error)
                raise
            if done.good:
                good.append(done.eid)

    threads = [threading.Thread(target=work, args=(one.name,)) for one in stations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert sorted(good) == sorted(one.eid for one in chips)
    verdicts = made.report(final=True)
    assert [one["verdict"] for one in verdicts] == ["proven-installed"] * 128
    assert states(made)["INSTALLED"] == 128


# --- reports ---


def test_reports_follow_one_another_and_are_written_once(tmp_path: Path) -> None:
    made = factory(tmp_path)
    chips = [personalised(number) for number in range(1, 7)]
    made.deliver(chips)
    for chip in chips[:3]:
        made.load(Plugged(chip))
    first = list(made.line.reports(NOW))
    assert list(made.line.reports(NOW)) == []
    for chip in chips[3:]:
        made.load(Plugged(chip))
    second = list(made.line.reports(NOW, final=True))
    assert [(one.first, one.last, one.final) for one in first + second] == [
        (1, 3, False), (4, 6, True),
    ]  # fmt: skip
    assert list(made.line.reports(NOW, final=True)) == []
    made.reopen()
    assert list(made.line.reports(NOW, final=True)) == []


def test_the_last_report_may_have_no_items(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    made.load(Plugged(personalised(1)))
    assert len(made.report()) == 1
    assert made.report(final=True) == []
    shown = made.bench.call("gaps", "dm.example", {}, made.deliveries[0])
    assert shown["stations"][0]["final"]


def test_the_line_keeps_no_key_and_nothing_clear(tmp_path: Path) -> None:
    from sgprobe.peers.profiles.library import subscription
    from sgprobe.peers.smdpf.orders import TYPES

    made = factory(tmp_path)
    made.deliver([personalised(1)])
    done = made.load(Plugged(personalised(1)))
    list(made.line.reports(NOW, final=True))
    made.line.close()
    person = subscription("sgprobe", done.loads[0].iccid, TYPES["small"])
    private = personalised(1).ecasd.identities[0].key.private_numbers().private_value
    seeds = [one.seed for one in personalised(1).one_time_keys]
    secrets = [person.k, person.opc, private.to_bytes(32, "big"), *seeds]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in everything
        assert secret.hex().encode() not in everything


def test_removal_from_stock_and_new_package(tmp_path: Path) -> None:
    """USE-A4: the profile is removed with proof, and a spare key takes the next one."""
    made = factory(tmp_path)
    made.deliver([personalised(1)])
    device = Plugged(personalised(1))
    done = made.load(device)
    made.report()
    rsp = codec.load("SGP.22@2.5")
    value = {"iccid": device.profiles()[0]}
    device.card.euicc.command(rsp.encode("DeleteProfileRequest", value), NOW)
    state = codec.load("IFPP@0").encode("GetSignedIfppStateRequest", {"challenge": "77" * 16})
    proof = device.card.euicc.command(state, NOW)
    load = done.loads[0]
    from dissectors.spec.identity import iccid_octets

    made.line.removed("s1", made.deliveries[0], load.package_id, load.eid,
                      iccid_octets(load.iccid).hex(), proof, NOW)  # fmt: skip
    assert [one["verdict"] for one in made.report(final=True)] == ["removed"]
    assert states(made)["REMOVED"] == 1


def test_clock_set_back(tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.deliver([personalised(1), personalised(2)])
    made.load(Plugged(personalised(1)))
    made.clock.time = NOW - 365 * DAY
    assert made.load(Plugged(personalised(2))).good
    verdicts = made.report(final=True)
    assert [one["sequence"] for one in verdicts] == [1, 2]
    assert states(made)["INSTALLED"] == 2


def test_a_line_on_a_tar(tmp_path: Path) -> None:
    from sgprobe.peers.delivery.files import open_delivery, write_tar
    from sgprobe.peers.delivery.writer import file_names

    made = factory(tmp_path)
    path = made.deliver([personalised(1)], imported=False)
    files = open_delivery(path)
    from sgprobe.peers.delivery.check import open_manifest

    manifest, _ = open_manifest(files, [pki().anchor])
    write_tar(files, file_names(manifest.shards), tmp_path / "d.tar")
    shutil.rmtree(path)
    assert made.line.import_delivery(tmp_path / "d.tar", NOW).ok
    assert made.load(Plugged(personalised(1))).good


def test_random_bits_of_a_package_are_never_accepted(tmp_path: Path) -> None:
    """IFPP-FLT-010 with 40 changes: where they are seen is recorded, none is accepted."""
    made = factory(tmp_path, off={"FPA.ENTRY-DIGEST"})
    path = made.deliver([personalised(1)])
    packages = path / "shards/0000.bin"
    good = packages.read_bytes()
    chance = random.Random(5)
    seen: dict[str, int] = {}
    for _ in range(40):
        data = bytearray(good)
        # what stands before the context is not signed, and nothing of it is sent
        data[chance.randrange(good.index(b"\xff\x41"), len(data))] ^= 1 << chance.randrange(8)
        packages.write_bytes(bytes(data))
        device = Plugged(personalised(1))
        done = made.load(device, f"s{len(seen) % 3}")
        for load in done.loads:
            assert not load.outcome.success
            where = load.outcome.code.name if load.outcome.code else "RESULT"
            seen[where] = seen.get(where, 0) + 1
        assert device.profiles() == []
    assert sum(seen.values()) == 40


def test_a_reader_that_waits_is_refused() -> None:
    import asyncio

    with pytest.raises(RuntimeError, match="at once"):
        at_once(asyncio.sleep(0))
