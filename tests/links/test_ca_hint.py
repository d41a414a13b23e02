"""A server has certificates of several CIs, and shows the one that a client can verify."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_kit import EIM, PKI, POLL, Answers, client, identity_of, run, server

from sgprobe.links.ca_hint import hinted
from sgprobe.links.hello import client_hello
from sgprobe.links.https_client import HttpsClient
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tls import TlsSession, make_context

IDS = {curve: PKI[curve].ci_id for curve in ("p256", "brainpool")}
NOBODY = bytes(20)


def shown(own: str, *hints: bytes) -> str:
    """Return the curve whose CI has issued what a server with both shows."""

    async def work() -> str:
        by_hint = tuple((IDS[curve], identity_of(PKI[curve]["eim-tls"])) for curve in IDS)
        offered = replace(server(own), by_hint=by_hint)
        asked = replace(client(own), trust=tuple(PKI[one].ci.der for one in IDS), hints=hints)
        async with HttpsServer(Answers(), offered) as eim:
            one = HttpsClient(eim.address, asked, name=EIM)
            await one.ask(POLL)
            chain = one.server_chain
            await one.close()
        leaf = chain[0].public_key()
        return next(c for c in IDS if identity_of(PKI[c]["eim-tls"]).key.public_key() == leaf)

    return run(work())


@pytest.mark.parametrize("own", IDS)
@pytest.mark.parametrize("hint", IDS)
def test_the_chain_of_the_ci_that_is_named(own: str, hint: str) -> None:
    assert shown(own, IDS[hint]) == hint
    # the first one that is known
    assert shown(own, NOBODY, IDS[hint]) == hint


@pytest.mark.parametrize("own", IDS)
def test_without_a_hint_that_is_known_it_is_the_usual_chain(own: str) -> None:
    assert shown(own) == own
    assert shown(own, NOBODY) == own


def hello_with(*hints: bytes) -> bytes:
    session = TlsSession(make_context(replace(client(), hints=hints), False, lambda line: None),
                         False, EIM)  # fmt: skip
    session.receive(b"")
    found = client_hello(session.outgoing())
    assert found is not None
    return found


def test_what_a_hello_names_is_read() -> None:
    assert hinted(hello_with(NOBODY, IDS["p256"])) == [NOBODY, IDS["p256"]]
    assert hinted(hello_with()) == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_hint_is_none(data: st.DataObject) -> None:
    hello = bytearray(hello_with(IDS["p256"]))
    at = bytes(hello).index(b"\0\x15\x01" + IDS["p256"])
    place = data.draw(st.integers(at - 4, at + 2))
    hello[place] = data.draw(st.integers(0, 255))
    assert all(len(one) == 20 for one in hinted(bytes(hello)))
    assert hinted(bytes(hello[: at + 4])) == []
