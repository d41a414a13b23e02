"""Power cuts in the factory: at every APDU of a load, and before and after every write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from factory_bench import SMALL, Device, chip, content, iccid_of
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.apdu import ISDR_AID, store_data
from dissectors.link.apdu_bpp import split_bpp
from sgprobe.crypto import ifpp
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.eum.personalisation import Kind
from sgprobe.peers.store import Changes, MemoryStore

LARGE = replace(SMALL, name="12k", size=12_000)
TWO = Kind(keys=(Suite.C1, Suite.C1))


def apdus(bound: ifpp.Bound) -> list[bytes]:
    select = b"\x00\xa4\x04\x00\x10" + ISDR_AID
    commands = (bound.context, *split_bpp(bound.package))
    return [select, *(apdu for one in commands for apdu in store_data(one))]


def outcome(device: Device) -> str:
    """Say in which of the states that may be a chip is, after a cut."""
    there, state = device.iccids(), device.states()[0]
    ends = [end if end == "ok" else end[1] for end in device.results()]
    assert ends in ([], ["ok"], ["installFailedDueToInterruption"])
    if there:
        # a profile is whole, and then all the rest has happened
        assert (there, state, ends) == ([iccid_of(1)], "consumed", ["ok"])
        return "installed"
    assert state in ("unused", "reserved")
    assert ends != ["ok"]
    return state


def test_a_cut_at_every_apdu_of_a_load() -> None:
    whole = apdus(Device(chip(1, TWO)).bind(content=content(1, LARGE)))
    assert len(whole) > 50
    seen = []
    for cut in range(len(whole) + 1):
        device = Device(chip(1, TWO))
        bound, card = device.bind(content=content(1, LARGE)), Card(device.euicc)
        for apdu in apdus(bound)[:cut]:
            card.apdu(apdu, 0.0)
        card.reset()
        seen.append(outcome(device))
        # the same package again ends where it should
        again = device.load(bound)
        assert again == ("otkConsumed" if seen[-1] == "installed" else "ok")
        assert device.iccids() == [iccid_of(1)]
        assert device.states() == ["consumed", "unused"]
    # unused, then reserved, then installed, and nothing comes back
    assert seen == sorted(seen, key=["unused", "reserved", "installed"].index)
    assert set(seen) == {"unused", "reserved", "installed"}


class PowerCut(Exception):
    """The power is gone."""


class Cut(MemoryStore):
    """Memory that loses power at its n-th commit, before or after it; -1 never does."""

    left, after = -1, False

    def commit(self, changes: Changes) -> None:
        if self.left == 0:
            if self.after:
                super().commit(changes)
            self.left = -1
            raise PowerCut
        self.left -= 1
        super().commit(changes)


def life(device: Device, bound: ifpp.Bound) -> Iterator[Callable[[], object]]:
    yield lambda: device.context(bound.context)
    for piece in split_bpp(bound.package):
        yield lambda piece=piece: device.euicc.command(piece, 0.0)
    yield device.delete
    yield device.close


@pytest.mark.parametrize("after", [False, True])
def test_a_cut_at_every_write(after: bool) -> None:
    """A life from the context to the end of the phase; each cut, then everything once more."""
    cuts = 0
    for at in range(20):
        store = Cut()
        device = Device(chip(1, TWO), store)
        bound = device.bind()
        store.left, store.after = at, after
        counter = -1
        try:
            for step in life(device, bound):
                step()
        except PowerCut:
            cuts += 1
        store.left = -1
        device = Device(chip(1, TWO), store)
        state = device.state()
        if state["factoryPhase"] == "open":
            outcome(device)
            assert device.load(bound) in ("ok", "otkConsumed")
            assert device.delete()["unusedOtk"] == 0
            assert device.close()["factoryPhase"] == "closed"
        state = device.state()
        assert [one["iccid"] for one in state["profiles"]] == [iccid_of(1)]
        assert (state["consumedOtk"], state["deletedOtk"]) == (1, 1)
        assert state["stateCounter"] > counter
        counter = state["stateCounter"]
        if cuts <= at:
            break
    # context, channel, result, deletion, close: nothing else is written
    assert cuts == 5


def test_a_cut_while_keys_are_deleted() -> None:
    for after in (False, True):
        store = Cut()
        device = Device(chip(1, TWO), store)
        bound = device.bind(key=1)
        store.left, store.after = 0, after
        with pytest.raises(PowerCut):
            device.delete()
        device.euicc.reset()
        assert device.states() == ["deleted" if after else "unused"] * 2
        assert device.context(bound.context) == ("otkConsumed" if after else False)
        device.delete([one.ref.hex() for one in device.chip.one_time_keys])
        assert device.state()["unusedOtk"] == 0


def test_a_clone_of_the_memory_loads_again() -> None:
    """What no eUICC can see: a copy of its memory; two results of one package come of it."""
    store, clone = MemoryStore(), MemoryStore()
    device = Device(chip(1, TWO), store)
    bound = device.bind()
    clone.commit({key: store.get(key) for key in store.keys()})  # noqa: SIM118
    twin = Device(chip(1, TWO), clone)
    assert device.load(bound) == "ok"
    assert twin.load(bound) == "ok"
    assert device.load(bound) == twin.load(bound) == "otkConsumed"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["context", "segments", "cut", "other", "delete"]), max_size=12),
       st.data())  # fmt: skip
def test_whatever_happens_a_key_loads_one_profile(steps: list[str], data: st.DataObject) -> None:
    device = Device(chip(1, TWO))
    packages = [device.bind(1), device.bind(2, transaction=bytes(16))]
    counters = [0]
    for step in steps:
        bound = packages[step == "other"]
        if step in ("context", "other"):
            device.context(bound.context)
        elif step == "segments":
            first = data.draw(st.integers(0, 4))
            for piece in split_bpp(bound.package)[first : data.draw(st.integers(first, 12))]:
                device.sw(piece)
        elif step == "cut":
            device.euicc.reset()
        else:
            device.delete()
        counters.append(device.state()["stateCounter"])
    assert counters == sorted(counters)
    for bound in packages * 2:
        device.load(bound)
    assert len(device.iccids()) <= 1
    assert device.states()[0] in ("consumed", "deleted")
