"""The front door: paths, methods, media types, headers, both bindings, hostile bodies."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.peers.effects import Request
from sgprobe.peers.es9 import asn1_binding
from sgprobe.peers.es9 import messages as m
from sgprobe.peers.es9.front import MAX_BODY
from tests.peers.rsp_card import CHALLENGE
from tests.peers.rsp_drive import NOW, World, header_of, post_json

JSON = "application/json"
IAU = "/gsma/rsp2/es9plus/initiateAuthentication"
PATHS = [
    *m.PATHS,
    "/gsma/rsp2/es2plus/downloadOrder",
    "/gsma/rsp2/es2plus/confirmOrder",
    "/gsma/rsp2/es2plus/cancelOrder",
    "/gsma/rsp2/es2plus/releaseProfile",
]


def ask(world: World, path: str, body: bytes, media: str = JSON, method: str = "POST"):
    return world.server.answer(Request(path, media, body, (), method), NOW)


def members(world: World, **changes) -> dict:
    value = {
        "euiccChallenge": base64.b64encode(CHALLENGE).decode(),
        "euiccInfo1": base64.b64encode(world.card.info1).decode(),
        "smdpAddress": world.address,
    }
    return {**value, **changes}


@pytest.mark.parametrize(
    ("path", "media", "method", "status"),
    [
        ("/", JSON, "POST", 404),
        ("/gsma/rsp2/es9plus/", JSON, "POST", 404),
        ("/gsma/rsp2/es9plus/deleteEverything", JSON, "POST", 404),
        (IAU, JSON, "GET", 405),
        (IAU, "", "POST", 415),
        (IAU, ASN1_MEDIA, "POST", 415),
        (ASN1_PATH, JSON, "POST", 415),
        (ASN1_PATH, ASN1_MEDIA, "POST", 400),
        (IAU, JSON, "POST", 400),
    ],
)
def test_faults_of_the_transport_are_http_errors(path, media, method, status):
    answer = ask(World(), path, b"", media, method)
    assert answer.status == status
    assert dict(answer.headers)["X-Admin-Protocol"] == "gsma/rsp/v2.5.0"


def test_a_body_without_end_is_refused_unread():
    assert ask(World(), IAU, bytes(MAX_BODY + 1)).status == 413


def test_media_types_have_parameters_and_no_case():
    world = World()
    body = json.dumps(members(world)).encode()
    assert header_of(ask(world, IAU, body, "Application/JSON;charset=UTF-8"))[0] == (
        "Executed-Success"
    )


def test_unknown_members_and_a_request_header_are_ignored():
    world = World()
    extra = {"header": {"functionRequesterIdentifier": "x"}, "lpaRspCapability": {"a": 1}}
    answer = post_json(world.server, IAU, members(world, **extra))
    assert header_of(answer)[0] == "Executed-Success"
    assert answer.media == "application/json;charset=UTF-8"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"euiccChallenge": None}, "2.2"),
        ({"euiccChallenge": 7}, "2.1"),
        ({"euiccChallenge": "AAEC*"}, "2.1"),
        ({"euiccInfo1": "AAEC"}, "2.1"),
        ({"euiccInfo1": ""}, "2.1"),
        ({"euiccInfo1": base64.b64encode(bytes.fromhex("bf20038203")).decode()}, "2.1"),
        ({"smdpAddress": "\ud800"}, "2.1"),
        ({"smdpAddress": ["x"]}, "2.1"),
    ],
)
def test_a_bad_member_is_named_by_its_status(change, reason):
    world = World()
    assert header_of(post_json(world.server, IAU, members(world, **change))) == (
        "Failed",
        "1.3.1",
        reason,
    )
    assert world.server.sessions == 0


def test_both_bindings_say_the_same():
    results = []
    for binding in ("json", "asn1"):
        world = World(binding=binding)
        session = world.bound(world.server.order("small").matching_id)
        results.append((session.initiated, session.authenticated.smdp_signed2))
    assert results[0] == results[1]


def test_a_response_is_no_request():
    world = World()
    answer = asn1_binding.write_answer("CancelSession", m.Done())
    assert ask(world, ASN1_PATH, answer, ASN1_MEDIA).status == 400


def test_a_notification_that_is_none_is_an_http_error():
    world = World()
    path = "/gsma/rsp2/es9plus/handleNotification"
    for text in ("", "AAAA", "vzcA", "MAA="):
        assert post_json(world.server, path, {"pendingNotification": text}).status == 400
    assert post_json(world.server, path, {}).status == 400


def snapshot(world: World) -> dict:
    return dict(world.store._records)


def check_answer(answer) -> None:
    assert answer.status in (200, 204, 400, 404, 405, 413, 415)
    if answer.status == 200 and answer.media.startswith(JSON):
        status, subject, reason = header_of(answer)
        assert status in ("Executed-Success", "Failed")
        assert bool(subject) == bool(reason) == (status == "Failed")


@pytest.fixture(scope="module")
def world():
    """One server for all hostile bodies: it goes on serving."""
    world = World()
    world.order = world.server.order("small", matching_id="M")
    return world


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from([*PATHS, ASN1_PATH]), body=st.binary(max_size=300))
def test_any_octets_get_an_answer(world, path, body):
    before = snapshot(world)
    check_answer(ask(world, path, body, ASN1_MEDIA if path == ASN1_PATH else JSON))
    assert snapshot(world) == before


_TEXTS = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=60).map(lambda octets: base64.b64encode(octets).decode()),
    st.sampled_from(["", "00", "0102030405060708090A0B0C0D0E0F10", "vziA", "oIA="]),
)
_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_TEXTS, below, max_size=3),
    max_leaves=6,
)
_NAMES = sorted({member.json for listed in m.MEMBERS.values() for member in listed})


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(list(m.PATHS)),
    value=st.dictionaries(st.sampled_from(_NAMES), _ANY, max_size=5),
)
def test_any_members_get_an_answer(world, path, value):
    before = snapshot(world)
    check_answer(post_json(world.server, path, value))
    assert snapshot(world) == before


@settings(max_examples=60, deadline=None)
@given(
    path=st.sampled_from(PATHS[-4:]),
    value=st.dictionaries(
        st.sampled_from(["header", "iccid", "eid", "matchingId", "releaseFlag", "profileType"]),
        _ANY,
        max_size=5,
    ),
)
def test_any_operator_members_get_an_answer(world, path, value):
    check_answer(post_json(world.server, path, value))


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 10_000, b"9" * 60_000, b"\xff" * 99])
def test_deep_long_and_broken_json_is_refused(world, body):
    assert ask(world, IAU, body).status == 400


def whole_messages(world: World) -> dict[str, bytes]:
    """One right request for each function, of sessions of their own, in the ASN.1 binding."""
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    prepared = world.card.prepare_download(session.authenticated)
    identity = session.initiated.transaction_id
    initiated = world.initiate()
    response = world.card.authenticate_server(initiated, order.matching_id)
    world.card.transaction_id = identity
    cancel = world.card.cancel("timeout")
    other = world.card.other_notification(world.address, "40", order.iccid)
    requests = (
        m.InitiateAuthentication(CHALLENGE, world.card.info1, world.address),
        m.AuthenticateClient(initiated.transaction_id, response),
        m.GetBoundProfilePackage(identity, prepared),
        m.CancelSession(identity, cancel),
        m.HandleNotification(other),
    )
    return {m.NAMES[type(one)]: asn1_binding.write_request(one) for one in requests}


@pytest.mark.parametrize(
    "name", ["AuthenticateClient", "GetBoundProfilePackage", "CancelSession", "HandleNotification"]
)
def test_no_flipped_bit_is_accepted(world, name):
    """A right message with one bit changed: an answer, and never the one of the right message."""
    message = whole_messages(world)[name]
    source = random.Random(name)
    before = snapshot(world)
    for _ in range(200):
        at = source.randrange(len(message))
        changed = bytearray(message)
        changed[at] ^= 1 << source.randrange(8)
        answer = ask(world, ASN1_PATH, bytes(changed), ASN1_MEDIA)
        check_answer(answer)
        if answer.status == 200:
            read = asn1_binding.read_answer(world.card.codec, name, answer.body)
            assert isinstance(read, asn1_binding.Number)
    assert snapshot(world) == before
    # it was the bit, and not the message
    ask(world, ASN1_PATH, message, ASN1_MEDIA)
    assert snapshot(world) != before


def test_after_all_that_the_server_serves(world):
    world.server.order("small", matching_id="NEW")
    assert world.bound("NEW").bound
