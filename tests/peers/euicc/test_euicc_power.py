"""Power cuts: whatever was under way, the memory is as before or as after, never between."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from euicc_bench import EIM, PKI, A, B, C, Operator, make, wire
from euicc_server import Server, pieces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dissectors.link.apdu import ISDR_AID as ISDR
from dissectors.link.apdu import store_data
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.records import Profile
from sgprobe.peers.store import Changes, MemoryStore, SqliteStore, Store


class PowerCut(Exception):
    """The power is gone."""


def snapshot(store: Store) -> dict[str, str]:
    return {key: repr(store.get(key)) for key in store.keys()}  # noqa: SIM118


class Cut(MemoryStore):
    """Memory that loses power at its n-th commit, before or after it."""

    def __init__(self, at: int | None, after: bool) -> None:
        super().__init__()
        self.left, self.after = at, after

    def commit(self, changes: Changes) -> None:
        if self.left is None:
            super().commit(changes)
            return
        self.left -= 1
        if self.left < 0:
            if self.after:
                super().commit(changes)
            raise PowerCut
        super().commit(changes)


class Wire:
    """A database connection that is cut at its n-th statement, even while it rolls back."""

    def __init__(self, inner, at: int) -> None:
        self.inner, self.left = inner, at

    def execute(self, *statement):
        self.left -= 1
        if self.left < 0:
            raise PowerCut
        return self.inner.execute(*statement)


def script(euicc: Euicc) -> Iterator[Callable[[], object]]:
    """Commands of every kind that changes something, in an order that makes sense."""
    eim = Operator(euicc)
    server = Server(euicc)
    yield lambda: eim.associate(associationToken=-1)
    eim.token = 1
    yield lambda: eim.run({"enable": {"iccid": wire(B), "rollbackFlag": None}})
    yield lambda: euicc.command(bytes.fromhex("BF5803800100"), 0.0)
    yield lambda: eim.run({"disable": {"iccid": wire(A)}}, {"delete": {"iccid": wire(A)}})
    other = Operator(euicc, "other")
    yield lambda: eim.eco({"addEim": other.config()}, {"updateEim": {"eimId": EIM, "eimFqdn": "x"}})
    yield server.authenticate
    yield server.prepare
    package = list(pieces(server.bpp(C)))
    for piece in package:
        yield lambda piece=piece: euicc.command(piece, 0.0)
    yield lambda: euicc.command(bytes.fromhex("BF3003800102"), 0.0)
    yield lambda: other.run({"enable": {"iccid": wire(C)}})
    crl = PKI["p256"].crl("ci").der
    codec = euicc.chip.dialect.codec
    yield lambda: euicc.command(codec.encode("LoadCRLRequest", {"crl": crl.hex()}), 0.0)
    yield lambda: euicc.command(bytes.fromhex("BF64048202 01FE".replace(" ", "")), 0.0)


def history() -> list[dict[str, str]]:
    """The memory after each command, when the power stays on."""
    store = MemoryStore()
    euicc = make(store=store)
    states = [snapshot(store)]
    for step in script(euicc):
        step()
        states.append(snapshot(store))
    return states


HISTORY = history()
STEPS = len(HISTORY) - 1


def play(euicc: Euicc, store: Store) -> int:
    """Run the script until the power goes; return how many commands were finished."""
    done = 0
    for step in script(euicc):
        try:
            step()
        except PowerCut:
            return done
        done += 1
    return done


def sane(euicc: Euicc) -> None:
    profiles = euicc.draft().all(Profile)
    assert sum(one.enabled for one in profiles) <= 1
    assert euicc.command(bytes.fromhex("BF3E035C015A"), 0.0)[:4] == bytes.fromhex("BF3E125A")
    settings_now = euicc.draft().settings
    listed = [int(key.rpartition("/")[2]) for key in keys_of(euicc)]
    assert all(seq <= settings_now.seq for seq in listed)


def keys_of(euicc: Euicc) -> list[str]:
    store = euicc._state._store
    return [key for key in store.keys() if "/notification/" in key or "/result/" in key]  # noqa: SIM118


def test_the_script_changes_something_at_nearly_every_step():
    changed = sum(one != two for one, two in itertools.pairwise(HISTORY))
    assert changed >= 11


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(14))
def test_memory_store_cut_at_any_commit(at, after):
    store = Cut(None, after)
    euicc = make(store=store)
    store.left = at
    done = play(euicc, store)
    found = snapshot(store)
    assert found in HISTORY[done : done + 2] or (done == STEPS and found == HISTORY[-1])
    store.left = None
    # power on again: from before an installation nothing is left but its result
    again = Euicc(euicc.chip.config, store, euicc.chip.ecasd, euicc.chip.rules, euicc.chip.random)
    sane(again)
    assert not any("/installation/" in key for key in store.keys())  # noqa: SIM118


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 140))
def test_sqlite_store_cut_at_any_record(tmp_path_factory, at):
    path: Path = tmp_path_factory.mktemp("euicc") / "card.db"
    store = SqliteStore(path)
    euicc = make(store=store)
    connection = store._db
    store._db = Wire(connection, at)  # type: ignore[assignment]
    done = play(euicc, store)
    connection.close()
    fresh = SqliteStore(path)
    found = snapshot(fresh)
    assert found in HISTORY[done : done + 2] or (done == STEPS and found == HISTORY[-1])
    again = Euicc(euicc.chip.config, fresh, euicc.chip.ecasd, euicc.chip.rules, euicc.chip.random)
    sane(again)
    fresh.close()


@settings(max_examples=100, deadline=None)
@given(blocks=st.integers(0, 12), size=st.integers(1, 60), cut=st.integers(0, 300))
def test_card_cut_at_any_byte_of_a_command(blocks, size, cut):
    store = MemoryStore()
    card = Card(make(store=store))
    eim = Operator(card.euicc)
    eim.associate()
    before = snapshot(store)
    chain = store_data(eim.package([{"enable": {"iccid": wire(B)}}]), 1, size)
    assert card.apdu(bytes.fromhex("0070000001"), 0.0)
    assert card.apdu(bytes.fromhex("01A4040010") + ISDR, 0.0)
    for apdu in chain[: min(blocks, len(chain) - 1)]:
        assert card.apdu(apdu, 0.0) == bytes.fromhex("9000")
    # the rest of a block that the reader could not finish
    card.apdu(chain[-1][: cut % len(chain[-1])], 0.0)
    assert snapshot(store) == before
    card.reset()
    assert snapshot(store) == before


def test_a_store_that_fails_leaves_a_card_that_works():
    store = Cut(None, False)
    euicc = make(store=store)
    eim = Operator(euicc)
    eim.associate()
    before = snapshot(store)
    store.left = 0
    with pytest.raises(PowerCut):
        eim.run({"enable": {"iccid": wire(B)}})
    store.left = None
    assert snapshot(store) == before
    assert eim.run({"enable": {"iccid": wire(B)}}) == [{"enableResult": "ok"}]


def test_a_store_is_taken_up_again(tmp_path):
    first = SqliteStore(tmp_path / "card.db")
    euicc = make(store=first)
    Operator(euicc).associate()
    Server(euicc).install(C)
    first.close()
    second = make(store=SqliteStore(tmp_path / "card.db"))
    assert len(second.draft().all(Profile)) == 3
    with pytest.raises(CardFailure):
        second.command(b"\xbf\x7d\x00", 0.0)
