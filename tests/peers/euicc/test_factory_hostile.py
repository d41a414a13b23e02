"""Hostile octets in the factory: nothing changes without a valid signature, nothing hangs."""

from __future__ import annotations

import random
from collections import Counter

from factory_bench import Device, chip, iccid_of
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.link.apdu_bpp import split_bpp
from sgprobe.crypto.ifpp_keys import Suite
from sgprobe.peers.effects import CardFailure
from sgprobe.peers.eum.personalisation import Kind
from sgprobe.peers.store import MemoryStore

ONE = Kind(keys=(Suite.C1,))
# a share of the thousand changes of the catalogue
CHANGES = 250


def told(device: Device, octets: bytes) -> bytes | int:
    try:
        return device.euicc.command(octets, 0.0)
    except CardFailure as failure:
        return failure.sw


def test_no_changed_bit_is_let_in() -> None:
    """One bit anywhere in context or package: refused, and told where it was found."""
    made = chip(1, ONE)
    bound = Device(made).bind()
    whole, source = bound.context + bound.package, random.Random(7)
    places: Counter[str] = Counter()
    for _ in range(CHANGES):
        at = source.randrange(len(whole) * 8)
        spoilt = bytearray(whole)
        spoilt[at // 8] ^= 1 << at % 8
        context = bytes(spoilt[: len(bound.context)])
        package = bytes(spoilt[len(bound.context) :])
        device = Device(made)
        places[found(device, context, package)] += 1
        assert device.iccids() == []
    assert places["let in"] == 0
    # each line of defence has its share
    assert set(places) >= {"context", "initialiseSecureChannel", "loadProfileElements"}


def found(device: Device, context: bytes, package: bytes) -> str:
    answer = told(device, context)
    if isinstance(answer, int) or answer[3:4] == b"\xa1":
        return "context"
    try:
        pieces = split_bpp(package)
    except ValueError:
        # an FPA cannot cut it into commands: it is told so before anything is sent
        return "fpa"
    for piece in pieces:
        answer = told(device, piece)
        if isinstance(answer, int):
            return "status word"
        if answer:
            end = device.final(answer)
            return "let in" if end == "ok" else end[0]
    return "no end"


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_mutated_contexts_change_nothing(data: st.DataObject) -> None:
    store = MemoryStore()
    device = Device(chip(1, ONE), store)
    before = {key: store.get(key) for key in store.keys()}  # noqa: SIM118
    spoilt = bytearray(device.bind().context)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at] = (spoilt[at] + data.draw(st.integers(1, 255))) % 256
    octets = bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
    told(device, octets)
    assert {key: store.get(key) for key in store.keys()} == before  # noqa: SIM118


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x48, 0x7F]),
    st.binary(max_size=60) | st.sampled_from([b"\xa0\x80" * 20, b"\x30\x84\x7f\xff\xff\xff"]),
)
def test_any_octets_have_one_answer(tag: int, body: bytes) -> None:
    device = Device(chip(1, ONE))
    for octets in (
        bytes([0xFF, tag, len(body)]) + body,
        bytes([0xFF, tag, 0x84, 0x7F, 0xFF, 0xFF, 0xFF]) + body,
        bytes([0xFF, tag]),
    ):
        answer = told(device, octets)
        assert isinstance(answer, int) or answer[:2] == bytes([0xFF, tag])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=14), st.data())
def test_segments_in_any_order_load_at_most_one_profile(
    order: list[int], data: st.DataObject
) -> None:
    device = Device(chip(1, ONE))
    bound = device.bind()
    pieces = split_bpp(bound.package)
    device.context(bound.context)
    for number in order:
        octets = pieces[number % len(pieces)]
        if data.draw(st.booleans()):
            octets = octets[: data.draw(st.integers(0, len(octets)))]
        told(device, octets)
    assert device.iccids() in ([], [iccid_of(1)])
    # whatever came, the chip still speaks
    assert device.states()[0] in ("reserved", "consumed")
