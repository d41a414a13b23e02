"""Connection ids: a client that moves is known, nobody else is; the decoder reads the records."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import POLL, Answers, mutual, run

from dissectors.trace.read import read_trace
from sgprobe.links.coap_link import CoapKnobs, CoapLink
from sgprobe.links.coap_shape import Shape, ShapedRequest
from sgprobe.links.dtls import HEADER, make_context
from sgprobe.links.dtls_cid import CID_RECORD, LENGTH, SUITE, CidSession, Ids, named
from sgprobe.links.dtls_peers_fault import PeersFault
from sgprobe.links.tape import Tape

ASKED = ShapedRequest(POLL.path, POLL.media, POLL.body)
MOVED = replace(ASKED, shape=Shape(moved=True, confirmable=False))


def link(ids: bool, name: str, **told: Any) -> CoapLink:
    settings = replace(mutual("p256", name), verify=name != "eim-tls")
    handler = Answers() if name == "eim-tls" else None
    fault = told.pop("fault", None)
    knobs = CoapKnobs(connection_ids=ids, fault=fault)
    return CoapLink(settings, handler=handler, knobs=knobs, **told)


def moves(client: bool, server: bool, **told: Any) -> bool:
    """Say whether a server answers a client that goes on from another port."""

    async def work() -> bool:
        fault = told.pop("fault", None)
        async with (
            link(server, "eim-tls", fault=fault) as eim,
            link(client, "dptls", **told) as ipa,
        ):
            assert (await ipa.ask(eim.address, POLL)).status == 200
            task = asyncio.ensure_future(ipa.ask(eim.address, MOVED))
            await asyncio.wait([task], timeout=5.0 if client and server and not fault else 0.3)
            answered = task.done() and task.result().status == 200
            if answered:
                # it is known at its new address, and has one association
                assert (await ipa.ask(eim.address, POLL)).status == 200
                assert eim.associations is not None
                assert eim.associations.peers is not None
                assert eim.associations.peers.peers == 1
            task.cancel()
            return answered

    return run(work())


@pytest.mark.parametrize(("client", "server"), [(c, s) for c in (0, 1) for s in (0, 1)])
def test_a_client_that_moves_is_known_where_both_have_ids(client: int, server: int) -> None:
    assert moves(bool(client), bool(server)) is bool(client and server)


def test_a_server_may_know_addresses_alone() -> None:
    assert not moves(True, True, fault=PeersFault.ADDRESS)


def test_the_decoder_reads_what_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "cid.pcapng"
    with Tape.at(path) as tape:
        assert moves(True, True, tape=tape)
    trace = read_trace(path)
    names = [message.type for message in trace.messages]
    assert names.count("GetEimPackageRequest") == 3
    assert b"\x19\xfe\xfd\0\1" in path.read_bytes()


def pair() -> tuple[CidSession, CidSession]:
    """Return client and server of an association that has an id."""
    context = make_context(mutual("p256", "dptls", ciphers=SUITE), False, lambda line: None)
    other = make_context(mutual("p256", "eim-tls", verify=False), True, lambda line: None)
    Ids(False).extend(context)
    Ids(True).extend(other)
    ipa = CidSession(context, False, ("b", 1), 1200)
    eim = CidSession(other, True, ("a", 1), 1200)
    ipa.receive(b"")
    for _ in range(6):
        for one in ipa.outgoing():
            eim.receive(one)
        for one in eim.outgoing():
            ipa.receive(one)
    assert ipa.established
    assert eim.established
    assert ipa.cid == eim.cid
    assert len(eim.cid) == LENGTH
    return ipa, eim


def test_a_record_has_the_id_and_comes_once() -> None:
    ipa, eim = pair()
    ipa.send(b"data that are hidden\0\0")
    (record,) = ipa.outgoing()
    assert record[0] == CID_RECORD
    assert named(record) == eim.cid
    assert b"hidden" not in record
    assert eim.receive(record) == [b"data that are hidden\0\0"]
    assert eim.receive(record) == []
    eim.send(b"answer")
    (answer,) = eim.outgoing()
    assert answer[0] == 23
    assert ipa.receive(answer) == [b"answer"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_record_is_dropped(data: st.DataObject) -> None:
    ipa, eim = PAIR
    ipa.send(b"once")
    (record,) = ipa.outgoing()
    at = data.draw(st.integers(0, len(record) - 1))
    damaged = bytearray(record)
    damaged[at] ^= data.draw(st.integers(1, 255))
    assert eim.receive(bytes(damaged)) == []
    assert eim.receive(record[: data.draw(st.integers(0, len(record) - 1))]) == []
    assert eim.receive(record) == [b"once"]
    assert not eim.over


PAIR = pair()


def test_faulty_servers_give_no_ids() -> None:
    async def work() -> bool:
        async with link(True, "eim-tls", fault=PeersFault.MOVED) as eim, link(True, "dptls") as ipa:
            return (await ipa.ask(eim.address, POLL)).status == 200

    assert run(work())
    assert HEADER + LENGTH == 21
