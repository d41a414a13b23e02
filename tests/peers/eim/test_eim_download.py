"""Indirect download at the eIM: relayed octet by octet, errors told on, nothing seen. §3.2.3.2."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.identity import make_eid
from sgprobe.crypto import confirmation
from sgprobe.peers.effects import Response
from sgprobe.peers.eim.config import Limits
from sgprobe.peers.eim.operations import Download, GetData, GetRat
from sgprobe.peers.eim.work import Work
from sgprobe.peers.es9 import json_binding
from sgprobe.peers.es9.front import JSON_ANSWER_MEDIA
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, parts
from sgprobe.peers.ipa.config import Patience
from sgprobe.peers.profiles.library import PROFILE_TYPES, package
from tests.peers.eim.eim_bench import Bench
from tests.peers.test_whole import KNOWN

INDIRECT = {"features": frozenset({1})}


def bench_of(version: str = "1.2", features: set[int] | None = None, **how: Any) -> Bench:
    ipa = {"features": frozenset(features or {1}), **how.pop("ipa", {})}
    return Bench(version, indirect=True, ipa=ipa, **how)


def answers(bench: Bench, name: str) -> list[m.Answer]:
    """Return what the eIM answered to a function, in order."""
    found = []
    for request, response in zip(bench.link.seen, bench.link.answered, strict=False):
        message = bench.binding.read_request(request.path, request.body)
        if m.NAMES[type(message)] == name:
            found.append(bench.binding.read_answer(name, response.body))
    return found


def requests(bench: Bench, kind: type) -> list[Any]:
    """Return the requests of a kind that came to the eIM."""
    read = (bench.binding.read_request(one.path, one.body) for one in bench.link.seen)
    return [one for one in read if isinstance(one, kind)]


def relayed(bench: Bench, function: str, member: str) -> bytes:
    """Return a member of the last request of a function to the SM-DP+."""
    bodies = [one.body for one in bench.dp_link.seen if one.path.endswith(function)]
    return base64.b64decode(json.loads(bodies[-1])[member])


def answered(bench: Bench, function: str, member: str) -> bytes:
    """Return a member of the last answer of the SM-DP+ to a function."""
    pairs = zip(bench.dp_link.seen, bench.dp_link.answered, strict=False)
    bodies = [answer.body for request, answer in pairs if request.path.endswith(function)]
    return base64.b64decode(json.loads(bodies[-1])[member])


def refusing(function: str, subject: str, reason: str):
    """Return an SM-DP+ that refuses one function."""
    header = {
        "functionExecutionStatus": {
            "status": "Failed",
            "statusCodeData": {"subjectCode": subject, "reasonCode": reason},
        }
    }
    body = json.dumps({"header": header}).encode()

    def instead(request):
        if request.path.endswith(function):
            return Response(200, JSON_ANSWER_MEDIA, body)
        return None

    return instead


# --- what goes through is what came ---


def test_nothing_is_changed_on_its_way():
    bench = bench_of()
    name, _ = bench.download("30k", indirect=True)
    assert bench.poll().ok
    (begun,) = answers(bench, m.IAU)
    assert begun.signed1 == answered(bench, "initiateAuthentication", "serverSigned1")
    assert begun.certificate == answered(bench, "initiateAuthentication", "serverCertificate")
    (asked,) = requests(bench, m.InitiateAuthentication)
    assert asked.challenge == relayed(bench, "initiateAuthentication", "euiccChallenge")
    (asked,) = requests(bench, m.AuthenticateClient)
    member = "authenticateServerResponse"
    assert asked.response == relayed(bench, "authenticateClient", member)
    (asked,) = requests(bench, m.GetBoundProfilePackage)
    assert asked.response == relayed(bench, "getBoundProfilePackage", "prepareDownloadResponse")
    (bound,) = answers(bench, m.GBP)
    member = "boundProfilePackage"
    assert bound.package == answered(bench, "getBoundProfilePackage", member)
    (noted,) = requests(bench, m.HandleNotification)
    assert noted.pending == relayed(bench, "handleNotification", "pendingNotification")
    assert bench.state(name) == "done"


def everything_kept(bench: Bench) -> bytes:
    """Return all that the eIM has in its store, its journal and its sessions."""
    records = (bench.eim_store.get(key) for key in bench.eim_store.keys())  # noqa: SIM118
    whole = json.dumps([*records, list(bench.eim.journal)])
    return whole.encode() + repr(bench.eim.__dict__).encode()


def test_the_profile_and_its_keys_are_not_to_be_found_at_the_eim():
    bench = bench_of()
    name, made = bench.download("30k", indirect=True, code="29-secret-31")
    assert bench.poll().ok
    assert bench.state(name) == "done"
    upp = package("sgprobe", made.iccid, PROFILE_TYPES["30k"])
    seen = everything_kept(bench)
    for response in bench.link.answered:
        seen += response.body
    for request in bench.link.seen:
        seen += request.body
    for place in range(64, len(upp) - 32, 997):
        assert upp[place : place + 32] not in seen
        assert upp[place : place + 32].hex().encode() not in seen
    # nor the confirmation code, in any place
    assert b"29-secret-31" not in seen


@pytest.mark.parametrize("compact", [False, True])
def test_the_hash_of_the_code_is_passed_on_and_not_hashed_again(compact):
    bench = bench_of(features={1, 5} if compact else {1})
    bench.do(GetData(KNOWN))
    name, _ = bench.download(indirect=True, code="1234")
    assert bench.poll().ok
    (told,) = answers(bench, m.ACL)
    transaction = requests(bench, m.AuthenticateClient)[0].transaction_id
    stored = hashlib.sha256(b"1234").digest()
    assert told.hash_cc == confirmation.hash_cc(stored, transaction)
    signed2 = elements(relayed(bench, "getBoundProfilePackage", "prepareDownloadResponse"))[0]
    assert contents(parts(elements(signed2)[0])["04"]) == told.hash_cc
    assert bench.state(name) == "done"


def test_without_a_code_the_ipa_cancels():
    bench = bench_of()
    made = bench.smdp.order("small", code="1234")
    name = bench.order(Download(smdp=bench.host, matching_id=made.matching_id, indirect=True))
    assert bench.poll().ok
    assert bench.dp_link.seen[-1].path.endswith("cancelSession")
    assert "cancelled" in bench.outcome(name).reason
    assert bench.smdp.state(made.iccid).state == "released"


# --- errors told on ---


@pytest.mark.parametrize(
    ("subject", "reason", "code"),
    [("8.8.1", "3.8", 1), ("8.8.3", "3.1", 2), ("8.8.2", "3.1", 3), ("8.1", "9.9", 127)],
)
def test_errors_of_initiate_authentication(subject, reason, code):
    bench = bench_of()
    name, _ = bench.download(indirect=True)
    bench.dp_link.instead = refusing("initiateAuthentication", subject, reason)
    bench.poll()
    assert answers(bench, m.IAU) == [m.Failed(code)]
    assert bench.state(name) == "failed"


ACL = [
    ("8.1.2", "6.1", 1),
    ("8.1.2", "6.3", 2),
    ("8.1.3", "6.1", 3),
    ("8.1.3", "6.3", 4),
    ("8.1", "6.1", 5),
    ("8.2.6", "3.8", 6),
    ("8.1.1", "3.8", 7),
    ("8.2.5", "4.3", 8),
    ("8.11.1", "3.9", 9),
    ("8.10.1", "3.9", 10),
    ("8.1", "4.8", 11),
    ("1.1", "1.1", 127),
]


@pytest.mark.parametrize(("subject", "reason", "code"), ACL)
def test_errors_of_authenticate_client(subject, reason, code):
    bench = bench_of()
    name, _ = bench.download(indirect=True)
    bench.dp_link.instead = refusing("authenticateClient", subject, reason)
    bench.poll()
    assert answers(bench, m.ACL) == [m.Failed(code)]
    assert f"{subject}/{reason}" in bench.outcome(name).reason
    assert bench.state(name) == "failed"


@pytest.mark.parametrize(("version", "code"), [("1.2", 127), ("1.3", 18)])
def test_an_expired_order_has_a_code_since_v1_3(version, code):
    bench = bench_of(version)
    bench.download(indirect=True)
    bench.dp_link.instead = refusing("authenticateClient", "8.8.5", "4.10")
    bench.poll()
    assert answers(bench, m.ACL) == [m.Failed(code)]


@pytest.mark.parametrize(
    ("subject", "reason", "code"),
    [
        ("8.1", "6.1", 1),
        ("8.2.7", "2.2", 2),
        ("8.2.7", "3.8", 3),
        ("8.2.7", "6.4", 4),
        ("8.2", "3.7", 5),
        ("8.8.5", "4.10", 6),
        ("8.10.1", "3.9", 95),
    ],
)
def test_errors_of_get_bound_profile_package(subject, reason, code):
    bench = bench_of()
    name, _ = bench.download(indirect=True)
    bench.dp_link.instead = refusing("getBoundProfilePackage", subject, reason)
    bench.poll()
    assert answers(bench, m.GBP) == [m.Failed(code)]
    assert bench.state(name) == "failed"


@pytest.mark.parametrize("binding", ["json", "asn1"])
def test_both_bindings_of_the_server_tell_the_same(binding):
    bench = bench_of(eim={"rsp_binding": binding})
    name = bench.order(Download(smdp=bench.host, matching_id="NOBODYS", indirect=True))
    bench.poll()
    assert answers(bench, m.ACL) == [m.Failed(6)]
    assert bench.state(name) == "failed"


def test_a_server_that_is_out_of_reach():
    bench = bench_of()
    name, _ = bench.download(indirect=True)
    bench.dp_link.down = True
    begun = bench.clock.now
    bench.poll()
    assert answers(bench, m.IAU) == [m.Failed(127)]
    assert bench.state(name) == "failed"
    assert bench.clock.now - begun < 60


@pytest.mark.parametrize(
    "response",
    [
        Response(500),
        Response(302, headers=(("Location", "https://elsewhere"),)),
        Response(200, "text/html", b"<html>"),
        Response(200, JSON_ANSWER_MEDIA, b"{"),
        Response(200, JSON_ANSWER_MEDIA, b"{}"),
        Response(200, JSON_ANSWER_MEDIA, json.dumps({"header": json_binding.success()}).encode()),
    ],
    ids=["500", "302", "html", "no-json", "no-header", "no-members"],
)
@pytest.mark.parametrize("function", ["initiateAuthentication", "getBoundProfilePackage"])
def test_a_server_that_answers_nonsense(function, response):
    bench = bench_of()
    bench.download(indirect=True)
    bench.dp_link.instead = lambda request: response if request.path.endswith(function) else None
    bench.poll()
    name = m.IAU if function.startswith("init") else m.GBP
    assert answers(bench, name) == [m.Failed(127)]


def changed(bench: Bench, function: str, change) -> None:
    """Let an answer of the SM-DP+ be changed on its way."""

    def instead(request):
        if not request.path.endswith(function):
            return None
        answer = bench.smdp.answer(request, bench.clock.now)
        members = json.loads(answer.body)
        change(members)
        return Response(200, answer.media, json.dumps(members).encode(), answer.headers)

    bench.dp_link.instead = instead


def test_another_address_is_signed():
    bench = bench_of()
    bench.download(indirect=True)

    def change(members):
        signed = base64.b64decode(members["serverSigned1"])
        inside = [tlv("83", b"other.example.com") if one[0] == 0x83 else one
                  for one in elements(signed)]  # fmt: skip
        members["serverSigned1"] = base64.b64encode(tlv("30", *inside)).decode()

    changed(bench, "initiateAuthentication", change)
    bench.poll()
    assert answers(bench, m.IAU) == [m.Failed(50)]


def test_another_oid_than_ordered():
    bench = bench_of()
    made = bench.smdp.order("small")
    code = f"1${bench.host}${made.matching_id}$2.999.99"
    bench.order(Download(activation_code=code, indirect=True))
    bench.poll()
    assert answers(bench, m.IAU) == [m.Failed(51)]


def test_other_metadata_in_the_package_is_found_and_the_session_cancelled():
    bench = bench_of(features={1, 4})
    name, _ = bench.download(indirect=True)

    def change(members):
        metadata = base64.b64decode(members["profileMetadata"])
        members["profileMetadata"] = base64.b64encode(metadata.replace(b"Small", b"Large")).decode()

    changed(bench, "authenticateClient", change)
    bench.poll()
    assert answers(bench, m.GBP) == [m.Failed(50)]
    assert bench.dp_link.seen[-1].path.endswith("cancelSession")
    assert answers(bench, m.CAN) == [m.Done()]
    assert "reason 4" in bench.outcome(name).reason


def test_policy_rules_that_the_euicc_does_not_allow():
    rat = [{"pprIds": {"value": "20", "length": 3}, "allowedOperators": [{"mccMnc": "eeeeee"}],
            "pprFlags": {"value": "", "length": 0}}]  # fmt: skip
    bench = bench_of(features={1, 4}, euicc={"rat": tuple(rat)})
    bench.do(GetRat())
    name, _ = bench.download("ppr1", indirect=True)
    bench.poll()
    assert answers(bench, m.ACL) == [m.Failed(50)]
    assert answers(bench, m.CAN) == [m.Done()]
    assert "reason 3" in bench.outcome(name).reason


# --- sessions ---


def test_an_unknown_trigger():
    bench = bench_of()
    answer = bench.ask(m.InitiateAuthentication(bytes(16), bench.host, b"", b"\x01\x02"))
    assert answer == m.Failed(52)


def test_an_address_that_nobody_knows():
    bench = bench_of()
    assert bench.ask(m.InitiateAuthentication(bytes(16))) == m.Failed(1)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (m.AuthenticateClient(b"\x01", tlv("BF38", tlv("A1", tlv("80", b"\1"), tlv("02", b"\1")))),
         10),
        (m.GetBoundProfilePackage(
            b"\x01", tlv("BF21", tlv("A1", tlv("80", b"\1"), tlv("02", b"\1")))), 95),
        (m.CancelSession(b"\x01", tlv("BF41", tlv("81", b"\x05"))), 1),
    ],
)  # fmt: skip
def test_an_unknown_transaction(request_, code):
    bench = bench_of()
    assert bench.ask(request_) == m.Failed(code)
    assert not bench.dp_link.seen


def steps(bench: Bench) -> list:
    """Return the requests of a whole download as the IPA sent them."""
    bench.download(indirect=True)
    assert bench.poll().ok
    return [one for one in bench.link.seen if one.body[:2].hex() not in ("bf4f", "bf3d")]


def test_a_request_that_comes_again_gets_the_same_answer_and_the_server_none():
    bench = bench_of()
    requests_ = steps(bench)
    asked = len(bench.dp_link.seen)
    kept = {one.body: answer for one, answer in zip(bench.link.seen, bench.link.answered)}
    for one in requests_:
        assert bench.driver.run(bench.eim.answer(one)).body == kept[one.body].body
    assert len(bench.dp_link.seen) == asked


def test_a_session_ends_by_time():
    bench = bench_of(limits=Limits(session_seconds=60))
    requests_ = steps(bench)
    bench.clock.now += 61
    answer = bench.driver.run(bench.eim.answer(requests_[1])).body
    assert bench.binding.read_answer(m.ACL, answer) == m.Failed(10)


def test_functions_in_the_wrong_order():
    bench = bench_of()
    bench.download(indirect=True)
    assert bench.poll().ok
    other = bench_of()
    other.download(indirect=True)
    trigger = other.package()
    transaction = contents(parts(trigger)["82"])
    info1 = other.euicc.command(bytes.fromhex("BF2000"), 0)
    (asked,) = requests(bench, m.GetBoundProfilePackage)
    initiated = other.ask(m.InitiateAuthentication(bytes(16), other.host, info1, transaction))
    early = m.GetBoundProfilePackage(initiated.transaction_id, asked.response)
    assert other.ask(early) == m.Failed(95)


def test_the_answer_of_another_euicc_is_not_taken_for_this_one():
    bench = bench_of()
    bench.download(indirect=True)
    assert bench.poll().ok
    (asked,) = requests(bench, m.AuthenticateClient)
    other = make_eid("890490321234512345123456789077")
    bench.eim.enrol(other)
    name = bench.eim.order(other, Download(smdp=bench.host, matching_id="X", indirect=True)).id
    trigger = bench.get(other).package
    transaction = contents(parts(trigger)["82"])
    info1 = bench.euicc.command(bytes.fromhex("BF2000"), 0)
    begun = bench.ask(m.InitiateAuthentication(bytes(16), bench.host, info1, transaction))
    again = bench.ask(m.AuthenticateClient(begun.transaction_id, asked.response))
    assert again == m.Failed(7)
    assert bench.state(name) == "running"


def test_many_downloads_at_once_each_get_their_own():
    bench = bench_of(limits=Limits(sessions=8))
    info1 = bench.euicc.command(bytes.fromhex("BF2000"), 0)
    seen = set()
    for number in range(20):
        challenge = number.to_bytes(16, "big")
        begun = bench.ask(m.InitiateAuthentication(challenge, bench.host, info1))
        assert contents(parts(begun.signed1)["81"]) == challenge
        seen.add(begun.transaction_id)
    assert len(seen) == 20
    assert len(bench.eim._means.sessions) == 8


# --- SM-DS ---


@pytest.mark.parametrize("features", [{1}, {1, 2}, {1, 2, 5}])
def test_an_event_of_the_sm_ds_leads_to_the_download(features):
    bench = bench_of(features=features)
    bench.do(GetData((*KNOWN, "root-smds")))
    made = bench.smdp.order("small", eid=bench.eid)
    bench.smds.register_event(bench.eid, made.matching_id, bench.host, bench.clock.now)
    name = bench.order(Download(smds="", indirect=True))
    assert bench.poll().ok
    assert bench.state(name) == "done", bench.outcome(name)
    assert bench.smdp.state(made.iccid).state == "installed"


def test_after_an_event_the_session_is_over():
    bench = bench_of()
    made = bench.smdp.order("small", eid=bench.eid)
    bench.smds.register_event(bench.eid, made.matching_id, bench.host, bench.clock.now)
    bench.order(Download(smds=bench.ds_host, indirect=True))
    assert bench.poll().ok
    first, second = requests(bench, m.AuthenticateClient)
    asked = len(bench.ds_link.seen)
    again = m.AuthenticateClient(first.transaction_id, second.response)
    assert bench.ask(again) == m.Failed(10)
    assert len(bench.ds_link.seen) == asked


def test_no_event_ends_the_order():
    bench = bench_of()
    name = bench.order(Download(smds=bench.ds_host, indirect=True))
    assert bench.poll().ok
    assert bench.outcome(name).reason == "the SM-DS has no event"


# --- the result of the installation ---


def test_the_order_is_known_after_a_restart_in_the_middle():
    bench = bench_of()
    name, made = bench.download(indirect=True)
    original = bench.link.handler

    def restarting(request):
        if request.body[:2] == b"\xbf\x3d":
            bench.restart_eim()
        return (yield from original(request))

    bench.link.handler = restarting
    assert bench.poll().ok
    assert bench.state(name) == "done"
    assert bench.smdp.state(made.iccid).state == "installed"


def test_a_notification_whose_server_is_down_is_kept():
    bench = bench_of(ipa={"patience": Patience(tries=1)})
    name, made = bench.download(indirect=True)
    bench.dp_link.instead = lambda request: (
        Response(503) if request.path.endswith("handleNotification") else None
    )
    assert bench.poll().ok
    # it is the eIM's from here on
    assert bench.waiting() == (0, 0)
    assert bench.state(name) == "done"
    assert bench.smdp.state(made.iccid).state == "downloaded"
    bench.restart_eim()
    bench.dp_link.instead = lambda request: None
    assert bench.driver.run(bench.eim.errands()) == 0
    bench.clock.now += 3600
    assert bench.driver.run(bench.eim.errands()) == 1
    assert bench.smdp.state(made.iccid).state == "installed"
    assert Work(bench.eim_store).get("eim/outbox") is None


def test_an_error_of_the_euicc_ends_the_order_with_its_reason():
    bench = bench_of(euicc={"profile_classes": frozenset({"test"})})
    name, _ = bench.download(indirect=True)
    assert bench.poll().ok
    order = bench.outcome(name)
    assert str(order.state) == "failed"
    assert "Class" in order.reason
