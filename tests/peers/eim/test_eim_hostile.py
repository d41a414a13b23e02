"""Malformed, mutated and oversized requests: one answer each, the state kept, others served."""

from __future__ import annotations

import json
import random
import time
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.asn1.tlv import length_octets, tlv
from dissectors.spec.functions import ASN1_PATH
from sgprobe.peers.eim.operations import Download, Enable, GetData, ListProfiles
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.front import MAX_BODY
from tests.peers.eim.eim_bench import Bench
from tests.peers.world import B, World

JSON = "application/json"
ESIPA = [path for path, name in m.PATHS.items() if name != m.TEP]


@lru_cache(maxsize=2)
def traffic(json_binding: bool) -> tuple[tuple[str, bytes], ...]:
    """Return what a well-behaved IPA sends in its life: every function, path and body."""
    world = World(indirect=True, ipa={"features": frozenset({1}), "json": json_binding})
    world.do(GetData(("euicc-info2", "euicc-certificate", "eum-certificate")))
    world.download(indirect=True)
    world.poll()
    world.do(Enable(B))
    made = world.smdp.order("small", code="1")
    world.order(Download(smdp=world.host, matching_id=made.matching_id, indirect=True))
    world.poll()
    return tuple((one.path, one.body) for one in world.link.seen)


@lru_cache(maxsize=1)
def bench() -> Bench:
    """Return an eIM with an order open, which all tests share."""
    made = Bench(indirect=True, ipa={"features": frozenset({1})})
    made.order(Enable(B))
    made.order(ListProfiles())
    made.package()
    return made


def state(one: Bench) -> str:
    return json.dumps([one.eim_store.get(key) for key in sorted(one.eim_store.keys())])


def send(one: Bench, path: str, body: bytes, media: str = "application/x-gsma-rsp-asn1"):
    """Post what may be anything; return the answer, which must be one."""
    answer = one.post(body, path=path, media=media)
    assert answer.status in (200, 204, 400, 404, 413, 415), answer
    return answer


def still_serves(one: Bench) -> None:
    assert isinstance(one.get(), m.EimPackage)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xbf",
        bytes.fromhex("BF4F84FFFFFFFF"),
        bytes.fromhex("BF4F805A10") + bytes(16) + b"\0\0",
        bytes.fromhex("BF7F00"),
        bytes.fromhex("BF5000"),
        bytes.fromhex("BF50023000"),
        bytes.fromhex("BF4E020500"),
        tlv("A2", bytes.fromhex("BF4F125A10") + bytes(16)),
        tlv("BF4F", tlv("5A", bytes(16)), tlv("5A", bytes(16))),
        tlv("BF50", tlv("BF51", tlv("A2", tlv("80", b"\xc3\x28")))),
        tlv("BF50", tlv("BF51", tlv("A0", tlv("30", tlv("83", bytes(10_000)))))),
        b"\x30\x80" * 5000,
    ],
)  # fmt: skip
def test_bodies_that_are_no_request(body):
    one = bench()
    before = state(one)
    assert send(one, ASN1_PATH, body).status == 400
    assert state(one) == before
    still_serves(one)


def test_an_answer_sent_as_a_request_gets_no_package():
    assert send(bench(), ASN1_PATH, bytes.fromhex("BF4F03020101")).body.hex() == "bf4f03020104"


def test_ten_thousand_levels():
    one = bench()
    body = b""
    for _ in range(10_000):
        body = b"\xa0" + length_octets(len(body)) + body
    begun = time.process_time()
    assert send(one, ASN1_PATH, b"\xbf\x50" + length_octets(len(body)) + body).status == 400
    assert time.process_time() - begun < 2


def test_two_messages_in_one_body():
    one = bench()
    body = bytes.fromhex("BF4F125A10" + one.eid)
    assert send(one, ASN1_PATH, body + body).status == 400


@pytest.mark.parametrize("path", [ASN1_PATH, *ESIPA])
def test_a_body_that_is_too_large(path):
    media = JSON if path in ESIPA else "application/x-gsma-rsp-asn1"
    assert send(bench(), path, b"0" * (MAX_BODY + 1), media).status == 413


def test_a_thousand_notifications_in_one_result():
    one = Bench()
    one.order(Enable(B))
    result = one.execute()
    one.euicc.refresh_done(True, 0)
    first = one.driver.run(one.ipa.means.es10.notifications())[0]
    begun = time.process_time()
    answer = one.provide(m.EuiccResult(result, (first,) * 1000))
    assert len(answer.numbers) == 2
    assert len(one.dp_link.seen) == 1
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", ASN1_PATH, 405), ("PUT", ESIPA[0], 405), ("POST", "/gsma/rsp2/other", 404),
     ("POST", "/gsma/rsp2/esipa/transferEimPackage", 404), ("GET", "/", 404)],
)  # fmt: skip
def test_methods_and_paths(method, path, status):
    answer = bench().post(b"", path=path, method=method)
    assert answer.status == status
    assert answer.header("X-Admin-Protocol") == "gsma/rsp/v2.1.0"


@pytest.mark.parametrize("media", ["", "text/plain", "application/json"])
def test_media_types(media):
    body = bytes.fromhex("BF4F125A10" + bench().eid)
    assert send(bench(), ASN1_PATH, body, media).status == 415


def test_header_fields_of_an_answer():
    answer = bench().post(
        bytes.fromhex("BF4F125A10" + bench().eid), media="Application/X-gsma-rsp-asn1; v=1"
    )
    assert (answer.status, answer.media) == (200, "application/x-gsma-rsp-asn1")
    assert answer.header("X-Admin-Protocol") == "gsma/rsp/v2.1.0"


def test_every_beginning_of_every_request():
    one = bench()
    before = state(one)
    for path, body in traffic(False):
        for size in range(0, len(body), 1 + len(body) // 40):
            assert send(one, path, body[:size]).status == 400
    assert state(one) == before
    still_serves(one)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_requests_with_octets_changed(data):
    one = bench()
    path, body = data.draw(st.sampled_from(traffic(False)))
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["flip", "set", "cut", "add"]))
        if kind == "flip":
            changed[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "set":
            changed[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x30, 0xA0, 0xBF]))
        elif kind == "cut":
            del changed[place : place + data.draw(st.integers(1, 8))]
        else:
            changed[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        if not changed:
            break
    send(one, path, bytes(changed))
    # nobody but the eUICC can end an order
    assert {str(order.state) for order in one.eim.orders(one.eid)} <= {"queued", "sent", "failed"}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ESIPA), st.binary(max_size=40) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6)
    | st.sampled_from(["AAAA", "vzg=", "89049032123451234512345678901235"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["eidValue", "transactionId", "eimPackageResult", "pendingNotification",
                         "euiccChallenge", "authenticateServerResponse", "notifyStateChange",
                         "prepareDownloadResponse", "cancelSessionResponse", "rPLMN"]),
        inner, max_size=4),
    max_leaves=10))  # fmt: skip
def test_json_that_may_be_anything(path, body):
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    send(bench(), path, octets, JSON)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_json_requests_with_members_changed(data):
    path, body = data.draw(st.sampled_from(traffic(True)))
    members = json.loads(body)
    name = data.draw(st.sampled_from(sorted(members)))
    value = members[name]
    if isinstance(value, str) and data.draw(st.booleans()):
        place = data.draw(st.integers(0, max(0, len(value) - 1)))
        members[name] = value[:place] + data.draw(st.sampled_from("A/+=-_ \u00e9")) + value[place:]
    else:
        members[name] = data.draw(st.none() | st.integers() | st.lists(st.integers(), max_size=2))
    send(bench(), path, json.dumps(members).encode(), JSON)


def test_after_all_that_the_eim_still_works():
    one = Bench(indirect=True, ipa={"features": frozenset({1})})
    rng = random.Random(1)
    for path, body in traffic(False) * 3:
        changed = bytearray(body)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        send(one, path, bytes(changed))
    name, made = one.download(indirect=True)
    assert one.poll().ok
    assert one.state(name) == "done"
    assert one.smdp.state(made.iccid).state == "installed"


def test_the_requests_of_the_traffic_cover_all_functions():
    binding = Bench().binding
    read = [binding.read_request(path, body) for path, body in traffic(False)]
    assert {m.NAMES[type(one)] for one in read} == {*m.BY_NAME} - {m.TEP}
    assert {path for path, _ in traffic(True)} == set(ESIPA)
