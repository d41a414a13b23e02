"""The SM-DS: events registered over ES12, fetched over ES11, forwarded over ES15."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from dissectors.spec.identity import make_eid
from sgprobe.crypto import keys
from sgprobe.peers.effects import Post, Request
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.messages import Event
from sgprobe.peers.es9.party import smds_party
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.es9client import RULES as CLIENT_RULES
from sgprobe.peers.es9client import Es9Client, ServerFault, ServerRefusal
from sgprobe.peers.es12client import PATHS, Es12Client
from sgprobe.peers.rules import Rules
from sgprobe.peers.smds.events import MAX_OF_EID
from sgprobe.peers.smds.rules import RULES
from sgprobe.peers.smds.server import Setup, SmDs
from sgprobe.peers.store import MemoryStore
from tests.peers.rsp_card import CHALLENGE, Card
from tests.peers.rsp_drive import NOW, header_of, pki, post_json, refused, run, seeded

EID = make_eid("890490321234512345123456789014")
OTHER_KEY = keys.derive_key("tests", "someone else", keys.Curve.P256)


class World:
    """One SM-DS, one card, and both kinds of client."""

    def __init__(self, curve="p256", binding="json", card=None, now=NOW, **setup):
        self.now = now
        party = smds_party(pki())
        self.server = SmDs(Setup(party, **setup), MemoryStore(), seeded())
        self.address = party.address
        self.card = Card(pki()[curve], **(card or {}))
        # a card of an eUICC that asks an SM-DS is asked nothing else
        self.client = Es9Client("https://smds", self.address, binding=binding)
        self.es12 = Es12Client("https://smds", "2.999.10")

    def initiate(self):
        call = self.client.initiate_authentication(CHALLENGE, self.card.info1)
        return run(call, self.server, self.now)

    def call(self, matching_id="", initiated=None, **how):
        initiated = initiated or self.initiate()
        response = self.card.authenticate_server(initiated, matching_id, **how)
        return self.client.authenticate_client(initiated, response)

    def fetch(self, matching_id=""):
        return run(self.call(matching_id), self.server, self.now).events

    def register(self, event_id="EVENT-1", eid=None, address="dp.example.com", **how):
        call = self.es12.register_event(eid or self.card.eid, event_id, address, **how)
        run(call, self.server, self.now)


@pytest.mark.parametrize("binding", ["json", "asn1"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_a_card_gets_its_events_and_nobody_elses(curve, binding):
    world = World(curve, binding)
    assert world.fetch() == ()
    world.register("EVENT-1")
    world.register("EVENT-2", address="other.example.com")
    world.register("EVENT-3", eid=EID)
    both = (Event("EVENT-1", "dp.example.com"), Event("EVENT-2", "other.example.com"))
    assert world.fetch() == both
    assert world.fetch("EVENT-2") == both[1:]
    # an event stays until the SM-DP+ deletes it
    assert world.fetch() == both
    run(world.es12.delete_event(world.card.eid, "EVENT-1"), world.server)
    assert world.fetch() == both[1:]


@pytest.mark.parametrize("binding", ["json", "asn1"])
def test_an_event_of_another_card_is_unknown(binding):
    world = World(binding=binding)
    world.register("EVENT-3", eid=EID)
    assert refused(world.call("EVENT-3"), world.server) == "8.9.5/3.9"
    assert refused(world.call("NONE"), world.server) == "8.9.5/3.9"


def test_what_registration_refuses():
    world = World()
    world.register()
    assert refused(world.es12.register_event(EID, "EVENT-1", "x"), world.server) == "8.9.5/3.3"
    assert refused(world.es12.delete_event(EID, "EVENT-1"), world.server) == "8.9.5/3.9"
    assert refused(world.es12.delete_event(EID, "EVENT-9"), world.server) == "8.9.5/3.9"
    assert refused(world.es12.register_event("12", "E", "x"), world.server) == "1.3.1/2.1"
    assert refused(world.es12.register_event(EID, "", "x"), world.server) == "1.3.1/2.1"
    call = world.es12.register_event(EID, "E", "x", forwarding=True)
    assert refused(call, world.server) == "8.9/5.1"
    path = PATHS["RegisterEvent"]
    answer = post_json(world.server, path, {"eid": EID})
    assert header_of(answer) == ("Failed", "1.2.1", "2.1")
    header = {"functionRequesterIdentifier": "x"}
    answer = post_json(world.server, path, {"eid": EID, "header": header})
    assert header_of(answer) == ("Failed", "1.2.2", "2.1")


def test_the_events_of_one_card_are_bounded():
    world = World()
    for number in range(MAX_OF_EID):
        world.server.register_event(EID, f"E{number}", "x", NOW)
    with pytest.raises(Refusal, match="no room|wait for this EID"):
        world.server.register_event(EID, "ONE-MORE", "x", NOW)


def test_a_cascade_leads_to_the_sm_dp():
    """The root sends the card to the alternative SM-DS, which sends it to the SM-DP+."""
    root, alternative = World(), World()
    party = replace(alternative.server.setup.party, address="alternative.example.com")
    alternative.server = SmDs(
        Setup(party, root=root.address),
        MemoryStore(),
        seeded(2),
    )
    alternative.client = replace(alternative.client, server="alternative.example.com")
    alternative.register(forwarding=True)
    assert run(alternative.server.forward(lambda _: root.es12), root.server) == 1
    assert run(alternative.server.forward(lambda _: root.es12), root.server) == 0
    (event,) = root.fetch()
    assert event == Event("EVENT-1", "alternative.example.com")
    assert alternative.fetch(event.event_id) == (Event("EVENT-1", "dp.example.com"),)
    run(alternative.es12.delete_event(root.card.eid, "EVENT-1"), alternative.server)
    assert run(alternative.server.forward(lambda _: root.es12), root.server) == 1
    assert root.fetch() == ()


def test_forwarding_survives_a_lost_answer():
    root, alternative = World(), World(root="root.example.com")
    alternative.register(forwarding=True)
    procedure = alternative.server.forward(lambda _: root.es12)
    effect = procedure.send(None)
    assert isinstance(effect, Post)
    root.server.answer(effect.request, NOW)
    procedure.close()
    assert run(alternative.server.forward(lambda _: root.es12), root.server) == 1
    assert len(root.fetch()) == 1


def info1(world, **changes):
    value = world.card.codec.decode("EUICCInfo1", world.card.info1).value
    return world.card.codec.encode("EUICCInfo1", {**value, **changes})


def lenient(world):
    off = frozenset(rule.name for rule in CLIENT_RULES)
    return replace(world.client, rules=Rules(CLIENT_RULES, off))


def attempt(world, procedure) -> str:
    try:
        run(procedure, world.server, world.now)
    except ServerRefusal as refusal:
        return f"{refusal.subject}/{refusal.reason}"
    return ""


def begin(world, **changes) -> str:
    call = lenient(world).initiate_authentication(CHALLENGE, info1(world, **changes))
    return attempt(world, call)


def other_address(world) -> str:
    client = replace(lenient(world), server="x.example.com")
    return attempt(world, client.initiate_authentication(CHALLENGE, world.card.info1))


def late(world) -> str:
    initiated = world.initiate()
    world.now += 10_000
    return attempt(world, world.call(initiated=initiated))


def twice(world) -> str:
    initiated = world.initiate()
    response = world.card.authenticate_server(initiated)
    call = world.client.authenticate_client
    assert attempt(world, call(initiated, response)) == ""
    return attempt(world, call(initiated, response))


def other_ci(world) -> str:
    both = [one.ci_id.hex() for one in (pki()["brainpool"], pki()["p256"])]
    info = info1(world, euiccCiPKIdListForSigning=both)
    initiated = run(world.client.initiate_authentication(CHALLENGE, info), world.server)
    return attempt(world, world.call(initiated=initiated))


def changed(**members):
    def play(world) -> str:
        return attempt(world, world.call(change=lambda value: value.update(members)))

    return play


def plain(world) -> str:
    return attempt(world, world.call())


def media(world) -> str:
    request = Request(PATHS["RegisterEvent"], "text/plain", b"{}")
    status = world.server.answer(request, NOW).status
    return "" if status == 200 else f"HTTP {status}"


def doubled(world) -> str:
    world.register()
    return attempt(world, world.es12.register_event(EID, "EVENT-1", "x"))


# rule: the code it refuses with, what a faulty client does, and the faults of its card
SCENARIOS = {
    "ADDRESS": ("8.9.1/3.8", other_address, {}),
    "SVN": ("8.9.3/3.1", lambda world: begin(world, svn="010000"), {}),
    "CI-SIGNING": (
        "8.9.2/3.1",
        lambda world: begin(world, euiccCiPKIdListForSigning=["00" * 20]),
        {},
    ),
    "CI-VERIFICATION": (
        "8.9.4/3.7",
        lambda world: begin(world, euiccCiPKIdListForVerification=["00" * 20]),
        {},
    ),
    "SESSION-EXPIRY": ("8.10.1/3.9", late, {}),
    "SESSION-END": ("8.10.1/3.9", twice, {}),
    "TRANSACTION-ID": ("8.10.1/3.9", changed(transactionId="00" * 16), {}),
    "CI-KNOWN": ("8.11.1/3.9", plain, {"eum_fault": "unknown-ci"}),
    "CI-CHOSEN": ("8.11.1/3.9", other_ci, {}),
    "EUM-CERTIFICATE": ("8.1.2/6.1", plain, {"eum_fault": "wrong-signature"}),
    "EUM-EXPIRY": ("8.1.2/6.3", plain, {"eum_fault": "expired"}),
    "EUICC-CERTIFICATE": ("8.1.3/6.1", plain, {"fault": "wrong-signature"}),
    "EUICC-EXPIRY": ("8.1.3/6.3", plain, {"fault": "expired"}),
    "EID-RANGE": ("8.1.3/6.1", plain, {"fault": "eid-outside-eum-range"}),
    "EUICC-SIGNATURE1": (
        "8.1/6.1",
        lambda world: attempt(world, world.call(key=OTHER_KEY)),
        {},
    ),
    "SERVER-CHALLENGE": ("8.1/6.1", changed(serverChallenge="00" * 16), {}),
    "SERVER-ADDRESS": ("8.1/6.1", changed(serverAddress="x"), {}),
    "CONTENT-TYPE": ("HTTP 415", media, {}),
    "EVENT-ID": ("8.9.5/3.9", lambda world: attempt(world, world.call("NONE")), {}),
    "EVENT-DUPLICATE": ("8.9.5/3.3", doubled, {}),
    "EVENT-DELETED": (
        "8.9.5/3.9",
        lambda world: attempt(world, world.es12.delete_event(EID, "NONE")),
        {},
    ),
}


def test_there_is_a_scenario_for_every_rule():
    assert {f"SMDS.{name}" for name in SCENARIOS} == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_refuses_when_kept_and_lets_pass_when_off(name):
    code, play, card = SCENARIOS[name]
    assert play(World(card=card)) == code
    assert play(World(card=card, off=frozenset({f"SMDS.{name}"}))) == ""


def test_a_revoked_eum_is_refused_by_who_has_the_crl():
    world = World(card={"eum_fault": "revoked"})
    assert attempt(world, world.call()) == ""
    party = replace(world.server.setup.party, crls=(pki()["p256"].crl("ci"),))
    world.server = SmDs(Setup(party), MemoryStore(), seeded())
    assert attempt(world, world.call()) == "8.1.2/6.1"
    world.card = Card(pki()["p256"])
    assert attempt(world, world.call()) == ""


def test_an_sm_dp_function_is_none_of_an_sm_ds():
    world = World()
    path = "/gsma/rsp2/es9plus/getBoundProfilePackage"
    assert post_json(world.server, path, {}).status == 404
    body = bytes.fromhex("a206bf4103810105")
    assert world.server.answer(Request(ASN1_PATH, ASN1_MEDIA, body), NOW).status == 400


def test_a_client_that_expects_a_package_is_told():
    world = World()
    call = world.client.get_bound_profile_package(bytes(16), bytes.fromhex("bf2100"))
    with pytest.raises(ServerFault) as caught:
        run(call, world.server)
    assert caught.value.status == 404


ALL_PATHS = [*m.PATHS, *PATHS.values(), ASN1_PATH]


@pytest.fixture(scope="module")
def hostile():
    world = World()
    world.register()
    return world


@settings(max_examples=120, deadline=None)
@given(path=st.sampled_from(ALL_PATHS), body=st.binary(max_size=200))
def test_any_octets_get_an_answer(hostile, path, body):
    media = ASN1_MEDIA if path == ASN1_PATH else "application/json"
    answer = hostile.server.answer(Request(path, media, body), NOW)
    assert answer.status in (200, 204, 400, 404)
    assert len(hostile.fetch()) == 1


@settings(max_examples=120, deadline=None)
@given(
    path=st.sampled_from(sorted(PATHS.values())),
    value=st.dictionaries(
        st.sampled_from(["header", "eid", "eventId", "rspServerAddress", "forwardingIndicator"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.text(max_size=10),
            st.dictionaries(st.just("functionRequesterIdentifier"), st.text(max_size=5)),
        ),
    ),
)
def test_any_members_get_an_answer(hostile, path, value):
    answer = post_json(hostile.server, path, value)
    assert json.loads(answer.body)["header"]["functionExecutionStatus"]["status"] == "Failed"
    assert len(hostile.fetch()) == 1
