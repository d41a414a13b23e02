"""The ES9+ client: what it checks, and how it says what a server did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import tlv
from sgprobe.crypto.signing import SERVER_SIGNATURE1
from sgprobe.peers import es9client
from sgprobe.peers.effects import Request, Response
from sgprobe.peers.es9 import asn1_binding, json_binding
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.status import (
    ACL,
    CAN,
    GBP,
    IAU,
    STATUS,
    UNDEFINED,
    Refusal,
    number_of,
    refuse,
)
from sgprobe.peers.es9client import Es9Client, ServerFault, ServerRefusal
from sgprobe.peers.rules import Rules
from tests.peers.rsp_card import CHALLENGE
from tests.peers.rsp_drive import World, pki

ANSWER_MEDIA = "application/json;charset=UTF-8"


class Forger:
    """A server whose messages are changed on the way out."""

    def __init__(self, world: World, change: Callable) -> None:
        self.world = world
        self.change = change
        self.seen: list[Request] = []

    def answer(self, request: Request, now: float) -> Response:
        self.seen.append(request)
        answer = self.world.server.answer(request, now)
        name = m.PATHS[request.path].name
        kind = m.ANSWERS[name][0]
        if not answer.body or kind is m.Done:
            return answer
        message = json_binding.read_message(kind, json.loads(answer.body))
        members = json_binding.write_message(self.change(message))
        body = json_binding.write_object({"header": json_binding.success(), **members})
        return Response(200, ANSWER_MEDIA, body)


def signed_with(world: World, **changes) -> Callable:
    """Return a change of ServerSigned1 that the server itself would sign."""

    def change(message):
        value = world.card.codec.decode("ServerSigned1", message.server_signed1).value
        signed = world.card.codec.encode("ServerSigned1", {**value, **changes})
        key = pki()["p256"]["dpauth"].key
        signature = SERVER_SIGNATURE1.sign(key, signed)
        return replace(message, server_signed1=signed, server_signature1=signature)

    return change


def initiate(world: World, **how):
    return world.client.initiate_authentication(CHALLENGE, world.card.info1, **how)


def drive(procedure, server):
    outcome = None
    while True:
        try:
            outcome = server.answer(procedure.send(outcome).request, 1_772_000_000.0)
        except StopIteration as stop:
            return stop.value


def breach(world: World, change: Callable, procedure) -> str:
    try:
        drive(procedure, Forger(world, change))
    except ServerFault as fault:
        return fault.rule
    return ""


def authenticate(world: World):
    order = world.server.order("small")
    return world.authenticate_call(world.initiate(), order.matching_id)


SCENARIOS = {
    "LPA.SERVER-ADDRESS": lambda world: breach(
        world, signed_with(world, serverAddress="evil.example.com"), initiate(world)
    ),
    "LPA.CHALLENGE": lambda world: breach(
        world, signed_with(world, euiccChallenge="00" * 16), initiate(world)
    ),
    "LPA.TRANSACTION-ID": lambda world: breach(
        world, lambda one: replace(one, transaction_id=bytes(16)), initiate(world)
    ),
    "LPA.CI-KNOWN": lambda world: breach(
        world, lambda one: replace(one, ci_key_id=tlv("04", bytes(20))), initiate(world)
    ),
    "LPA.SERVER-OID": lambda world: breach(world, lambda one: one, initiate(world, oid="2.999.7")),
    "LPA.BINDING-OID": lambda world: breach(
        world,
        lambda one: replace(one, certificate=pki()["p256"]["dp2pb"].certificate.der),
        authenticate(world),
    ),
    "LPA.CONTENT-TYPE": lambda world: text_plain(world),
}


def text_plain(world: World) -> str:
    class Plain:
        def answer(self, request, now):
            return replace(world.server.answer(request, now), media="text/plain")

    try:
        drive(initiate(world), Plain())
    except ServerFault as fault:
        return fault.rule
    return ""


def with_rules(off: frozenset[str] = frozenset()) -> World:
    world = World()
    world.client = replace(world.client, rules=Rules(es9client.RULES, off))
    return world


def test_there_is_a_scenario_for_every_rule():
    assert SCENARIOS.keys() == {rule.name for rule in es9client.RULES}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_kept_stops_the_client(name):
    assert SCENARIOS[name](with_rules()) == name


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_off_lets_pass(name):
    assert SCENARIOS[name](with_rules(frozenset({name}))) == ""


@pytest.mark.parametrize("call", ["authenticate", "bind"])
def test_a_transaction_id_changed_on_the_way_stops_the_client(call):
    world = World()

    def change(one):
        return replace(one, transaction_id=bytes(16))

    if call == "authenticate":
        assert breach(world, change, authenticate(world)) == "LPA.TRANSACTION-ID"
        return
    session = world.authenticated(world.server.order("small").matching_id)
    session.prepared = world.card.prepare_download(session.authenticated)
    assert breach(world, change, world.bind_call(session)) == "LPA.TRANSACTION-ID"


def test_what_a_request_carries():
    world = World()
    forger = Forger(world, lambda one: one)
    drive(initiate(world), forger)
    request = forger.seen[0]
    assert request.path == "/gsma/rsp2/es9plus/initiateAuthentication"
    assert request.header("User-Agent") == "gsma-rsp-lpad"
    assert request.header("X-Admin-Protocol") == "gsma/rsp/v2.5.0"
    assert json.loads(request.body)["smdpAddress"] == world.address


class Says:
    """A server that always answers the same."""

    def __init__(self, status: int, body: bytes = b"", media: str = ANSWER_MEDIA) -> None:
        self.response = Response(status, media, body)

    def answer(self, request, now):
        return self.response


def failed(status: str = "Failed", **data) -> bytes:
    execution: dict = {"status": status}
    if data:
        execution["statusCodeData"] = data
    return json.dumps({"header": {"functionExecutionStatus": execution}}).encode()


def client(binding: str = "json") -> Es9Client:
    return Es9Client("https://server", "server", binding=binding)


CALLS = {
    IAU: lambda one: one.initiate_authentication(CHALLENGE, bytes.fromhex("bf2000")),
    ACL: lambda one: one.authenticate_client(
        m.Initiated(bytes(16), b"", b"", b"", b""), bytes.fromhex("bf3800")
    ),
    GBP: lambda one: one.get_bound_profile_package(bytes(16), bytes.fromhex("bf2100")),
    CAN: lambda one: one.cancel_session(bytes(16), bytes.fromhex("bf4100")),
}


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("status", sorted(STATUS))
def test_every_status_comes_through_in_json(name, status):
    refusal: Refusal = refuse(status)
    body = json_binding.write_object({"header": json_binding.failure(refusal)})
    with pytest.raises(ServerRefusal) as caught:
        drive(CALLS[name](client()), Says(200, body))
    assert caught.value.status is not None
    assert caught.value.status.code == refusal.status.code


@pytest.mark.parametrize(
    ("name", "status"),
    [(name, one) for one, status in STATUS.items() for name in status.numbers if name in CALLS],
)
def test_every_number_comes_through_in_asn1(name, status):
    # one number has gone since 2.6
    version = "2.7" if number_of(STATUS[status], name, "2.7") != UNDEFINED else "2.5"
    written = asn1_binding.write_refusal(name, STATUS[status], version, False)
    with pytest.raises(ServerRefusal) as caught:
        drive(
            CALLS[name](replace(client("asn1"), version=version)),
            Says(200, written, "application/x-gsma-rsp-asn1"),
        )
    assert STATUS[status].numbers[name] == caught.value.number


@pytest.mark.parametrize("version", ["2.2", "2.5", "2.6", "2.7"])
def test_each_version_answers_numbers_it_has(version):
    codec = World(version=version).card.codec
    for status in STATUS.values():
        for name in CALLS:
            written = asn1_binding.write_refusal(name, status, version, False)
            if written is None:
                continue
            decoded = codec.decode("RemoteProfileProvisioningResponse", written)
            assert decoded.ok
            (arm,) = decoded.value.values()
            # a number that this version has no name for would stand as a number
            assert isinstance(next(iter(arm.values())), str), (status.name, name, decoded.value)


def test_a_failure_without_code_is_a_refusal():
    with pytest.raises(ServerRefusal) as caught:
        drive(CALLS[IAU](client()), Says(200, failed()))
    assert caught.value.status is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (204, b""),
        (200, b""),
        (200, b"[]"),
        (200, b"{"),
        (200, b'{"header":{"functionExecutionStatus":{"status":"Executed-Success"}}}'),
        (200, b"[" * 100_000),
        (200, bytes(2_000_000)),
    ],
)
def test_an_answer_that_is_none_is_a_fault(status, body):
    with pytest.raises(ServerFault):
        drive(CALLS[GBP](client()), Says(status, body))


@pytest.mark.parametrize("body", [b"{}", b'{"header":7}', b"null", b'{"header":{}}'])
def test_an_answer_without_status_is_no_success(body):
    with pytest.raises((ServerFault, ServerRefusal)):
        drive(CALLS[CAN](client()), Says(200, body))


def test_how_a_notification_is_acknowledged():
    def deliver():
        return client().handle_notification(bytes.fromhex("bf3700"))

    assert drive(deliver(), Says(204)) is None
    assert drive(deliver(), Says(200, b"")) is None
    assert drive(deliver(), Says(200, failed("Executed-Success"))) is None
    with pytest.raises(ServerRefusal):
        drive(deliver(), Says(200, failed("Failed", subjectCode="8.1", reasonCode="6.1")))
    with pytest.raises(ServerFault) as caught:
        drive(deliver(), Says(503))
    assert caught.value.status == 503


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(CALLS)),
    binding=st.sampled_from(["json", "asn1"]),
    status=st.sampled_from([200, 204, 400]),
    body=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)),
)
def test_any_answer_is_read_or_named(name, binding, status, body):
    media = ANSWER_MEDIA if binding == "json" else "application/x-gsma-rsp-asn1"
    with pytest.raises((ServerFault, ServerRefusal)):
        drive(CALLS[name](client(binding)), Says(status, body, media))


@settings(max_examples=60, deadline=None)
@given(
    value=st.dictionaries(
        st.sampled_from(["transactionId", "serverSigned1", "serverSignature1", "profileMetadata"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=20), st.lists(st.integers())),
    ),
    name=st.sampled_from([IAU, ACL, GBP]),
)
def test_any_members_are_read_or_named(value, name):
    body = json.dumps({"header": json_binding.success(), **value}).encode()
    with pytest.raises(ServerFault):
        drive(CALLS[name](client()), Says(200, body))
