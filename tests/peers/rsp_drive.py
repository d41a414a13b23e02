"""Runs client procedures against server roles without sockets, and puts a small world together."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import pytest

from sgprobe.crypto.pki import TestPki
from sgprobe.peers.effects import Post, Request
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.party import smdp_party
from sgprobe.peers.es9client import Es9Client, ServerRefusal
from sgprobe.peers.smdp.limits import Limits
from sgprobe.peers.smdp.server import Setup, SmDp
from sgprobe.peers.store import MemoryStore
from tests.peers.rsp_card import CHALLENGE, Card

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


@lru_cache(maxsize=1)
def pki() -> TestPki:
    return TestPki.load()


def run(procedure, server, now: float = NOW):
    """Run a procedure whose only effects are posts to `server`; return what it returns."""
    outcome = None
    while True:
        try:
            effect = procedure.send(outcome)
        except StopIteration as stop:
            return stop.value
        assert isinstance(effect, Post)
        outcome = server.answer(effect.request, now)


def seeded(seed: int = 1):
    return random.Random(seed).randbytes


def code_of(refused: pytest.ExceptionInfo[ServerRefusal]) -> str:
    return f"{refused.value.subject}/{refused.value.reason}"


def refused(procedure, server, now: float = NOW) -> str:
    """Run a procedure that must be refused; return subject/reason."""
    with pytest.raises(ServerRefusal) as caught:
        run(procedure, server, now)
    return code_of(caught)


def post_json(server, path: str, members: object, now: float = NOW):
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    return server.answer(Request(path, "application/json", body), now)


@dataclass
class Session:
    """What one download has come to."""

    initiated: object
    authenticated: object = None
    prepared: bytes = b""
    bound: object = None


class World:
    """One SM-DP+, one card, one client between them."""

    def __init__(
        self,
        curve: str = "p256",
        *,
        binding: str = "json",
        version: str = "2.5",
        off: frozenset[str] = frozenset(),
        card: dict | None = None,
        limits: Limits | None = None,
        store=None,
        now: float = NOW,
    ) -> None:
        self.now = now
        setup = Setup(smdp_party(pki()), version=version, off=off, limits=limits or Limits())
        self.store = store or MemoryStore()
        self.server = SmDp(setup, self.store, seeded())
        self.address = setup.party.address
        self.card = Card(pki()[curve], version=version, **(card or {}))
        self.client = Es9Client(
            f"https://{self.address}", self.address, version=version, binding=binding
        )

    def run(self, procedure):
        return run(procedure, self.server, self.now)

    def refused(self, procedure) -> str:
        return refused(procedure, self.server, self.now)

    def initiate(self):
        return self.run(self.client.initiate_authentication(CHALLENGE, self.card.info1))

    def authenticate_call(self, initiated, matching_id, **how):
        response = self.card.authenticate_server(initiated, matching_id, **how)
        return self.client.authenticate_client(initiated, response)

    def authenticated(self, matching_id: str | None) -> Session:
        initiated = self.initiate()
        return Session(initiated, self.run(self.authenticate_call(initiated, matching_id)))

    def bound(self, matching_id: str | None, code: str | None = None) -> Session:
        session = self.authenticated(matching_id)
        session.prepared = self.card.prepare_download(session.authenticated, code)
        session.bound = self.run(self.bind_call(session))
        return session

    def bind_call(self, session: Session):
        transaction_id = session.initiated.transaction_id
        return self.client.get_bound_profile_package(transaction_id, session.prepared)

    def notify(self, pending: bytes) -> None:
        self.run(self.client.handle_notification(pending))

    def state(self, order) -> str:
        return str(self.server.state(order.iccid).state)


def header_of(response) -> tuple[str, str, str]:
    """Return status, subject and reason of a JSON answer."""
    return json_binding.read_header(json.loads(response.body))[:3]
