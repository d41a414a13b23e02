"""Every rule of the IPA: kept, it refuses; switched off, it lets pass.

One scenario for each rule, so that a rule that guards nothing cannot hide.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.crypto.signing import SERVER_SIGNATURE1
from sgprobe.peers.effects import LinkFailure, Request, Response
from sgprobe.peers.eim.operations import Enable, ListProfiles, SetFallback
from sgprobe.peers.es9 import messages as es9
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import elements, parts
from sgprobe.peers.ipa.config import Patience
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.ipa.rules import RULES
from sgprobe.peers.rules import RuleError
from tests.peers.eim.test_eim_download import changed
from tests.peers.ipa.ipa_bench import EMPTY, NONE, Bench, asn1
from tests.peers.ipa.test_ipa_notify import numbers, switched
from tests.peers.world import PKI, B, World

DIRECT, INDIRECT = {"features": frozenset({0})}, {"features": frozenset({1})}
EXACT = Patience(tries=3, first_pause=5, jitter=0)
SCENARIOS: dict[str, Callable[..., bool]] = {}


def scenario(rule: str):
    """Keep what a faulty eIM or server does; it returns whether the IPA let it pass."""

    def keep(function):
        SCENARIOS[f"IPA.{rule}"] = function
        return function

    return keep


@scenario("CONTENT-TYPE")
def _(make):
    bench = make()
    bench.script(Response(200, "text/html", NONE))
    return bench.poll().ok


@scenario("PROTOCOL-HEADER")
def _(make):
    bench = make()
    headers = (("X-Admin-Protocol", "something/else"),)
    request = Request(ASN1_PATH, ASN1_MEDIA, bytes.fromhex("BF4E03BF5300"), headers)
    return bench.driver.run(bench.ipa.answer(request)).status == 200


@scenario("ANSWER-FUNCTION")
def _(make):
    bench = make()
    bench.order(ListProfiles())
    # the package, no acknowledgement of its result, and an answer that would be one
    bench.script(None, EMPTY, bytes.fromhex("BF5006BF5303800101"))
    bench.poll()
    return not bench.driver.run(bench.ipa.means.es10.results())


@scenario("PROTOCOLS")
def _(make):
    # the eIM offers HTTPS alone
    bench = make(ipa={"protocols": frozenset({1})})
    return bench.poll().trouble != "no protocol in common"


@scenario("CYCLE-END")
def _(make):
    bench = make()
    bench.script(bytes.fromhex("BF4F0302017F"))
    bench.poll()
    return len(bench.requests(m.GetEimPackage)) > 1


@scenario("IPAE-ACTIVE")
def _(make):
    bench = make(euicc={"ipae": True})
    bench.driver.run(bench.ipa.activate_ipae())
    bench.script(NONE)
    return bool(bench.driver.run(bench.ipa.poll()))


@scenario("TRIED-AGAIN")
def _(make):
    bench = make(ipa={"patience": EXACT})
    bench.script(Response(500))
    return not bench.poll().ok


@scenario("FALLBACK-LOSS")
def _(make):
    bench = make(ipa={"fallback_after": 2, "patience": EXACT})
    bench.do(SetFallback(B))
    for down in (True, False, True):
        bench.link.down = down
        bench.poll()
    return bool(bench.card.sent("BF5D"))


@scenario("BACK-OFF")
def _(make):
    bench = make(ipa={"patience": EXACT})
    bench.script(Response(500))
    begun = bench.clock.now
    return bench.poll().ok and bench.clock.now == begun


@scenario("RETRY-AFTER")
def _(make):
    bench = make(ipa={"patience": EXACT})
    bench.script(Response(503, headers=(("Retry-After", "30"),)))
    begun = bench.clock.now
    return bench.poll().ok and bench.clock.now - begun < 30


@scenario("PACKAGE-FORM")
def _(make):
    bench = make()
    bench.offer(bytes.fromhex("BF510430025A00"))
    bench.poll()
    return bool(bench.card.sent("BF51"))


@scenario("ROLLBACK-FLAG")
def _(make):
    bench = make(ipa={"patience": EXACT})
    bench.order(Enable(B))
    original = bench.link.handler

    def handler(request):
        answer = yield from original(request)
        if request.body[:2] == b"\xbf\x50":
            raise LinkFailure("the answer is lost")
        return answer

    bench.link.handler = handler
    bench.poll()
    return bool(bench.card.sent("BF58"))


def rolling(make) -> Bench:
    """Return a world with an order to enable B, which permits a rollback."""
    bench = make(ipa={"patience": Patience(tries=2, jitter=0), "rollback_seconds": 60.0})
    bench.order(Enable(B, rollback=True))
    return bench


@scenario("ROLLBACK-ENDS")
def _(make):
    bench = rolling(make)
    bench.poll()
    return bool(bench.card.sent("BF58"))


@scenario("ROLLBACK-ONCE")
def _(make):
    bench = rolling(make)
    original = bench.link.handler

    def handler(request):
        if request.body[:2] == b"\xbf\x50":
            raise LinkFailure("no network")
        return (yield from original(request))

    bench.link.handler = handler
    bench.card.instead = lambda command: (
        tlv("BF58", tlv("02", b"\5")) if command[:2] == b"\xbf\x58" else None
    )
    bench.poll()
    return len(bench.card.sent("BF58")) > 1


@scenario("NOTIFICATION-ORDER")
def _(make):
    bench = switched(make, ipa=DIRECT)
    bench.poll()
    return numbers(bench.dp_link.seen) == [4, 2]


@scenario("RECEIVERS-APART")
def _(make):
    bench = switched(make, ipa={**DIRECT, "patience": EXACT})
    bench.dp_link.down = True
    bench.poll()
    return not bench.second


@scenario("ACKNOWLEDGED")
def _(make):
    bench = make()
    bench.order(ListProfiles())
    original = bench.link.handler

    def handler(request):
        answer = yield from original(request)
        return asn1(EMPTY) if request.body[:2] == b"\xbf\x50" else answer

    bench.link.handler = handler
    bench.poll()
    return bool(bench.card.sent("BF30"))


@scenario("NOTIFIED-KEPT")
def _(make):
    bench = make(ipa={"notifies_results": True})
    bench.order(ListProfiles())
    # the eIM is told, and gone before it could acknowledge anything
    bench.link.instead = lambda request: (
        asn1(NONE) if bench.requests(m.HandleNotification) else None
    )
    bench.poll()
    return not bench.driver.run(bench.ipa.means.es10.results())


@scenario("THROUGH-EIM")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.order(Enable(B))
    bench.poll()
    return not any(isinstance(one, m.HandleNotification) for one in bench.requests()) and not any(
        getattr(one, "notifications", ()) for one in bench.results()
    )


@scenario("GIVES-UP")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    tampered(bench, m.IAU, lambda told: m.Failed(1))
    bench.poll()
    return len(bench.requests(m.InitiateAuthentication)) > 1


@scenario("CARD-REFUSAL")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    tampered(bench, m.IAU, lambda told: replace(told, signature1=tlv("5F37", bytes(64))))
    return reached(bench, m.AuthenticateClient)


@scenario("EVENTS")
def _(make):
    bench = make(ipa=DIRECT)
    for name in ("ONE", "TWO"):
        bench.smdp.order("30k", eid=bench.eid, matching_id=name)
        bench.smds.register_event(bench.eid, name, bench.host, bench.clock.now)
    bench.driver.run(bench.ipa.download(f"1${bench.ds_host}$"))
    return sum(one.path.endswith("/initiateAuthentication") for one in bench.dp_link.seen) < 2


@scenario("EVENT-ONCE")
def _(make):
    bench = make(ipa=DIRECT)
    bench.smdp.order("30k", eid=bench.eid, matching_id="ONE")
    twice = (es9.Event("ONE", bench.host),) * 2
    bench.smds._authenticate_client = lambda asked, now: es9.AuthenticatedEvents(
        asked.transaction_id, twice
    )
    bench.driver.run(bench.ipa.download(f"1${bench.ds_host}$"))
    return sum(one.path.endswith("/initiateAuthentication") for one in bench.dp_link.seen) > 1


@scenario("CASCADE")
def _(make):
    bench = make(ipa=DIRECT)
    bench.smds.register_event(bench.eid, "LOOP", bench.ds_host, bench.clock.now)
    bench.driver.run(bench.ipa.download(f"1${bench.ds_host}$"))
    return len(bench.ds_link.seen) > 20


@scenario("TAG-LIST")
def _(make):
    bench = make()
    bench.offer(tlv("BF52", tlv("5C", bytes.fromhex("5A83"))))
    bench.poll()
    return elements(bench.results()[0].result)[0][:1] == b"\xa0"


@scenario("SEARCH")
def _(make):
    bench = make()
    # results that nobody acknowledges, and a request for one that is not there
    bench.order(ListProfiles())
    request = tlv("BF52", tlv("5C", b"\xa2"), tlv("A2", tlv("80", b"\x09")))
    bench.script(None, EMPTY, tlv("BF4F", request))
    bench.poll()
    listed = parts(elements(bench.results()[1].result)[0])["A2"]
    return bool(elements(listed))


@scenario("EMERGENCY")
def _(make):
    bench = make()
    bench.ipa.means.notebook.note(emergency=True)
    bench.offer(tlv("BF52", tlv("5C", b"\x83")))
    bench.poll()
    return elements(bench.results()[0].result)[0][:1] == b"\xa0"


@scenario("ACTIVATION-CODE")
def _(make):
    bench = make(ipa=DIRECT)
    made = bench.smdp.order("small")
    code = f"9${bench.host}${made.matching_id}"
    bench.offer(tlv("BF54", tlv("A0", tlv("80", code.encode()))))
    bench.poll()
    return made.iccid in bench.profiles()


def installed(bench: Bench, made) -> bool:
    bench.poll()
    return made.iccid in bench.profiles()


def with_tls(bench: Bench, der: bytes) -> None:
    """Let the host say which certificate a server has shown."""
    bench.ipa = Ipa(bench.config, bench.ipa_store, bytes, lambda address: der)


def other_name() -> bytes:
    """A TLS certificate with the right OID and another name."""
    return PKI["p256"].get("dptls", "wrong-host").certificate.der


@scenario("TLS-NAME")
def _(make):
    bench = make(ipa=DIRECT)
    _, made = bench.download()
    with_tls(bench, other_name())
    return installed(bench, made)


@scenario("TLS-OID")
def _(make):
    bench = make(ipa=DIRECT)
    _, made = bench.download()
    with_tls(bench, PKI["p256"].get("dptls", "wrong-rid").certificate.der)
    return installed(bench, made)


def tampered(bench: Bench, name: str, change: Callable[[m.Answer], m.Answer]) -> None:
    """Let the eIM change its own answers to one function."""
    original = bench.link.handler

    def handler(request):
        answer = yield from original(request)
        read = bench.binding.read_request(request.path, request.body)
        if m.NAMES[type(read)] != name:
            return answer
        told = bench.binding.read_answer(name, answer.body)
        return asn1(bench.binding.write_answer(name, change(told)))

    bench.link.handler = handler


def resigned(bench: Bench, told: m.Initiated, tag: str, value: bytes) -> m.Initiated:
    """Return an answer in which another value is signed, by the SM-DP+ itself."""
    inside = [tlv(tag, value) if one[:1].hex() == tag else one for one in elements(told.signed1)]
    signed1 = tlv("30", *inside)
    signature = SERVER_SIGNATURE1.sign(PKI["p256"]["dpauth"].key, signed1)
    return replace(told, signed1=signed1, signature1=signature)


def reached(bench: Bench, kind: type) -> bool:
    bench.poll()
    return bool(bench.requests(kind))


@scenario("TRANSACTION-ID")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    tampered(bench, m.IAU, lambda told: replace(told, transaction_id=b"\1\2"))
    return reached(bench, m.AuthenticateClient)


@scenario("CHALLENGE")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    tampered(bench, m.IAU, lambda told: resigned(bench, told, "81", bytes(16)))
    bench.poll()
    # what is let pass meets the eUICC, which has the challenge, too
    return bool(bench.card.sent("BF38"))


@scenario("SERVER-ADDRESS")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    tampered(bench, m.IAU, lambda told: resigned(bench, told, "83", b"other.example.com"))
    return reached(bench, m.AuthenticateClient)


@scenario("CI-KEY")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    tampered(bench, m.IAU, lambda told: replace(told, ci_key_id=bytes(20)))
    bench.poll()
    return bool(bench.card.sent("BF38"))


@scenario("BINDING-OID")
def _(make):
    bench = make(ipa=INDIRECT, indirect=True)
    bench.download(indirect=True)
    other = PKI["p256"]["dp2pb"].certificate.der
    tampered(bench, m.ACL, lambda told: replace(told, certificate=other))
    bench.poll()
    return bool(bench.card.sent("BF21"))


@scenario("PPR")
def _(make):
    bench = make(ipa=DIRECT, euicc={"rat": ()})
    bench.download("ppr1")
    bench.poll()
    return bool(bench.card.sent("BF21"))


@scenario("METADATA")
def _(make):
    bench = make(ipa=DIRECT)
    bench.download()

    def change(members):
        metadata = base64.b64decode(members["profileMetadata"])
        members["profileMetadata"] = base64.b64encode(metadata.replace(b"Small", b"Large")).decode()

    changed(bench, "authenticateClient", change)
    bench.poll()
    return bool(bench.card.sent("BF36"))


def maker(*off: str) -> Callable[..., Bench]:
    return lambda **how: Bench(off=off, **how)


def test_there_is_a_scenario_for_every_rule():
    assert SCENARIOS.keys() == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_kept_refuses(name: str):
    assert SCENARIOS[name](maker()) is False


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_off_lets_pass(name: str):
    assert SCENARIOS[name](maker(name)) is True


def test_an_unknown_rule_cannot_be_switched_off():
    with pytest.raises(RuleError, match=r"did you mean IPA\.METADATA"):
        World(off={"IPA.METADATTA"})
