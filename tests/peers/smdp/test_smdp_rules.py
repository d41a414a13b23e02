"""Every rule of the SM-DP+: kept, it refuses with its status; switched off, it lets pass.

One scenario for each rule, so that a rule that guards nothing cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from dissectors.spec.identity import make_eid
from sgprobe.crypto import keys
from sgprobe.peers.effects import Request
from sgprobe.peers.es9client import Es9Client
from sgprobe.peers.rules import RuleError
from sgprobe.peers.smdp.limits import Limits
from sgprobe.peers.smdp.rules import RULES
from tests.peers.rsp_card import CHALLENGE
from tests.peers.rsp_drive import NOW, World, pki, post_json

OTHER_KEY = keys.derive_key("tests", "someone else", keys.Curve.P256)
OTHER_EID = make_eid("890490321234512345123456789014")


@dataclass(frozen=True)
class Scenario:
    """What a faulty client does, and what a server that checks answers."""

    code: str
    play: Callable[[World], str]
    card: dict | None = None
    limits: Limits | None = None


SCENARIOS: dict[str, Scenario] = {}


def scenario(rule: str, code: str, **world):
    def keep(function):
        SCENARIOS[f"SMDP.{rule}"] = Scenario(code, function, **world)
        return function

    return keep


def attempt(world: World, procedure) -> str:
    """Return subject/reason of a refusal, or "" when the server accepted."""
    from sgprobe.peers.es9client import ServerRefusal

    try:
        world.run(procedure)
    except ServerRefusal as refusal:
        return f"{refusal.subject}/{refusal.reason}"
    return ""


def authenticate(world: World, matching_id=None, initiated=None, **how) -> str:
    matching_id = world.server.order("small").matching_id if matching_id is None else matching_id
    initiated = initiated or world.initiate()
    return attempt(world, world.authenticate_call(initiated, matching_id, **how))


def info1(world: World, **changes) -> bytes:
    value = world.card.codec.decode("EUICCInfo1", world.card.info1).value
    return world.card.codec.encode("EUICCInfo1", {**value, **changes})


@scenario("ADDRESS", "8.8.1/3.8")
def _(world):
    client = replace(world.client, server="other.example.com", rules=no_client_rules())
    return attempt(world, client.initiate_authentication(CHALLENGE, world.card.info1))


def no_client_rules():
    from sgprobe.peers.es9client import RULES as CLIENT_RULES
    from sgprobe.peers.rules import Rules

    return Rules(CLIENT_RULES, frozenset(rule.name for rule in CLIENT_RULES))


def initiate_with(world: World, **changes) -> str:
    client = replace(world.client, rules=no_client_rules())
    return attempt(world, client.initiate_authentication(CHALLENGE, info1(world, **changes)))


@scenario("SVN", "8.8.3/3.1")
def _(world):
    return initiate_with(world, svn="010000")


@scenario("CI-SIGNING", "8.8.2/3.1")
def _(world):
    return initiate_with(world, euiccCiPKIdListForSigning=["00" * 20])


@scenario("CI-VERIFICATION", "8.8.4/3.7")
def _(world):
    return initiate_with(world, euiccCiPKIdListForVerification=["00" * 20])


@scenario("SESSION-EXPIRY", "8.10.1/3.9")
def _(world):
    initiated = world.initiate()
    world.now += 10_000
    return authenticate(world, initiated=initiated)


@scenario("SESSION-END", "8.10.1/3.9")
def _(world):
    session = world.authenticated(world.server.order("small").matching_id)
    session.prepared = world.card.prepare_download(session.authenticated)
    identity = session.initiated.transaction_id
    world.run(world.client.cancel_session(identity, world.card.cancel("postponed")))
    return attempt(world, world.bind_call(session))


@scenario("TRANSACTION-ID", "8.10.1/3.9")
def _(world):
    return authenticate(world, change=lambda value: value.update(transactionId="00" * 16))


@scenario("CI-KNOWN", "8.11.1/3.9", card={"eum_fault": "unknown-ci"})
def _(world):
    return authenticate(world)


@scenario("CI-CHOSEN", "8.11.1/3.9")
def _(world):
    # the session was begun with both CIs, brainpool first; the card then signs on P-256
    both = [one.ci_id.hex() for one in (pki()["brainpool"], pki()["p256"])]
    info = info1(world, euiccCiPKIdListForSigning=both)
    initiated = world.run(world.client.initiate_authentication(CHALLENGE, info))
    return authenticate(world, initiated=initiated)


@scenario("EUM-CERTIFICATE", "8.1.2/6.1", card={"eum_fault": "wrong-signature"})
def _(world):
    return authenticate(world)


@scenario("EUM-EXPIRY", "8.1.2/6.3", card={"eum_fault": "expired"})
def _(world):
    return authenticate(world)


@scenario("EUICC-CERTIFICATE", "8.1.3/6.1", card={"fault": "wrong-signature"})
def _(world):
    return authenticate(world)


@scenario("EUICC-EXPIRY", "8.1.3/6.3", card={"fault": "expired"})
def _(world):
    return authenticate(world)


@scenario("EID-RANGE", "8.1.3/6.1", card={"fault": "eid-outside-eum-range"})
def _(world):
    return authenticate(world)


@scenario("EUICC-SIGNATURE1", "8.1/6.1")
def _(world):
    return authenticate(world, key=OTHER_KEY)


@scenario("SERVER-CHALLENGE", "8.1/6.1")
def _(world):
    return authenticate(world, change=lambda value: value.update(serverChallenge="00" * 16))


@scenario("SERVER-ADDRESS", "8.1/6.1")
def _(world):
    return authenticate(world, change=lambda value: value.update(serverAddress="other"))


@scenario("CONTENT-TYPE", "HTTP 415")
def _(world):
    request = Request("/gsma/rsp2/es9plus/initiateAuthentication", "text/plain", b"{}")
    status = world.server.answer(request, NOW).status
    return "" if status == 200 else f"HTTP {status}"


@scenario("MATCHING-ID", "8.2.6/3.8")
def _(world):
    world.server.order("small", eid=world.card.eid)
    return authenticate(world, "NOBODYS")


@scenario("EID-BINDING", "8.1.1/3.8")
def _(world):
    return authenticate(world, world.server.order("small", eid=OTHER_EID).matching_id)


@scenario("RELEASED", "8.2/1.2")
def _(world):
    order = world.server.order("small", release=False)
    code = authenticate(world, order.matching_id)
    if not code:
        assert world.bound(order.matching_id).bound
    return code


@scenario("ORDER-EXPIRY", "8.8.5/4.10")
def _(world):
    return authenticate(world, world.server.order("small", expires=NOW - 1).matching_id)


@scenario("DOWNLOAD-RETRIES", "8.8.5/6.4", limits=Limits(download_tries=2))
def _(world):
    matching_id = world.server.order("small").matching_id
    codes = [authenticate(world, matching_id) for _ in range(3)]
    assert codes[:2] == ["", ""]
    return codes[2]


@scenario("ELIGIBILITY", "8.2.5/4.3")
def _(world):
    world.card.info2["uiccCapability"] = {"value": "08", "length": 5}
    return authenticate(world)


@scenario("MEMORY", "8.1/4.8")
def _(world):
    world.card.info2["extCardResource"] = "810100820200ff83020100"
    return authenticate(world)


def bind(world: World, order=None, code=None, **how) -> str:
    order = order or world.server.order("small")
    session = world.authenticated(order.matching_id)
    session.prepared = world.card.prepare_download(session.authenticated, code, **how)
    return attempt(world, world.bind_call(session))


@scenario("EUICC-SIGNATURE2", "8.1/6.1")
def _(world):
    return bind(world, key=OTHER_KEY)


@scenario("CODE-PRESENT", "8.2.7/2.2")
def _(world):
    return bind(world, world.server.order("small", code="1234"))


@scenario("CODE-VALUE", "8.2.7/3.8")
def _(world):
    return bind(world, world.server.order("small", code="1234"), "4321")


@scenario("CODE-RETRIES", "8.2.7/6.4", limits=Limits(code_tries=2))
def _(world):
    order = world.server.order("small", code="1234")
    codes = [bind(world, order, "0000") for _ in range(2)]
    assert codes[0] == "8.2.7/3.8"
    # without the rule a wrong code is just a wrong code, for ever
    return "" if codes[1] == "8.2.7/3.8" else codes[1]


@scenario("OTPK-REUSE", "offered")
def _(world):
    order = world.server.order("small")
    world.bound(order.matching_id)
    session = world.authenticated(order.matching_id)
    value = world.card.codec.decode("SmdpSigned2", session.authenticated.smdp_signed2).value
    return "offered" if "bppEuiccOtpk" in value else ""


@scenario("FRESH-KEY", "fresh")
def _(world):
    order = world.server.order("small")
    keys_seen = set()
    for _ in range(2):
        session = world.authenticated(order.matching_id)
        world.card.otsk = None
        session.prepared = world.card.prepare_download(session.authenticated)
        tree = world.card.codec.tree(
            "BoundProfilePackage", world.run(world.bind_call(session)).package
        )
        keys_seen.add(tree.octets("initialiseSecureChannelRequest.smdpOtpk"))
    return "fresh" if len(keys_seen) == 2 else ""


@scenario("REBINDING", "8.2/3.7", limits=Limits(rebinding=False))
def _(world):
    order = world.server.order("small")
    assert bind(world, order) == ""
    session = world.authenticated(order.matching_id)
    world.card.otsk = None
    session.prepared = world.card.prepare_download(session.authenticated)
    return attempt(world, world.bind_call(session))


def noted(world: World) -> str:
    return "" if world.server.notifications(world.card.eid) else "not believed"


def installed(world: World, **how) -> str:
    order = world.server.order("small")
    world.card.load(world.bound(order.matching_id).bound.package)
    address = how.pop("address", world.address)
    world.notify(world.card.installation_result(address, **how))
    assert (world.state(order) == "installed") == (noted(world) == "")
    return noted(world)


@scenario("NOTIFICATION-SIGNATURE", "not believed")
def _(world):
    return installed(world, key=OTHER_KEY)


@scenario("NOTIFICATION-ADDRESS", "not believed")
def _(world):
    return installed(world, address="other.example.com")


@scenario("NOTIFICATION-ICCID", "not believed")
def _(world):
    world.notify(world.card.other_notification(world.address, "40", "8999001000000000998"))
    return noted(world)


@scenario("NOTIFICATION-SESSION", "not believed")
def _(world):
    order = world.server.order("small")
    world.card.load(world.bound(order.matching_id).bound.package)
    other = {"transactionId": "00" * 16}
    world.notify(
        world.card.installation_result(world.address, change=lambda one: one.update(other))
    )
    return noted(world)


@scenario("NOTIFICATION-RESULT", "error")
def _(world):
    order = world.server.order("small")
    world.card.load(world.bound(order.matching_id).bound.package)
    world.notify(world.card.installation_result(world.address, "invalidSignature"))
    return "error" if world.state(order) == "error" else ""


@scenario("NOTIFICATION-DUPLICATE", "once")
def _(world):
    order = world.server.order("small")
    world.card.load(world.bound(order.matching_id).bound.package)
    result = world.card.installation_result(world.address)
    world.notify(result)
    world.notify(result)
    return "once" if len(world.server.notifications(world.card.eid)) == 1 else ""


def cancelled(world: World, reason: str = "postponed", order=None, **how) -> str:
    session = world.authenticated((order or world.server.order("small")).matching_id)
    response = world.card.cancel(reason, **how)
    return attempt(world, world.client.cancel_session(session.initiated.transaction_id, response))


@scenario("CANCEL-SIGNATURE", "8.1/6.1")
def _(world):
    return cancelled(world, key=OTHER_KEY)


@scenario("CANCEL-OID", "8.8/3.10")
def _(world):
    return cancelled(world, oid="2.999.99")


@scenario("CANCEL-REASON", "error")
def _(world):
    order = world.server.order("small")
    assert cancelled(world, "endUserRejection", order) == ""
    return "error" if world.state(order) == "error" else ""


def test_there_is_a_scenario_for_every_rule():
    assert SCENARIOS.keys() == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_kept_refuses(name: str):
    one = SCENARIOS[name]
    assert one.play(World(card=one.card, limits=one.limits)) == one.code


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_rule_that_is_off_lets_pass(name: str):
    one = SCENARIOS[name]
    assert one.play(World(card=one.card, limits=one.limits, off=frozenset({name}))) == ""


def test_an_unknown_rule_cannot_be_switched_off():
    with pytest.raises(RuleError, match=r"did you mean SMDP\.MEMORY"):
        World(off=frozenset({"SMDP.MEMORI"}))


def test_what_is_wrong_in_json_is_wrong_in_asn1():
    """The scenarios of ES9+ give the status that the ASN.1 number stands for."""
    expected = {"SMDP.EUICC-SIGNATURE1": 5, "SMDP.MATCHING-ID": 6, "SMDP.CODE-VALUE": 3}
    for name, number in expected.items():
        world = World(binding="asn1")
        seen = []
        real = Es9Client._read_asn1

        def spy(client, function, body, real=real, seen=seen):
            seen.append(body)
            return real(client, function, body)

        Es9Client._read_asn1 = spy
        try:
            assert SCENARIOS[name].play(world) == SCENARIOS[name].code
        finally:
            Es9Client._read_asn1 = real
        assert seen[-1].endswith(bytes([0x81, 1, number]))


def test_post_json_is_not_fooled_by_unknown_members():
    world = World()
    members = {"unknown": [1, {"a": None}], "smdpAddress": world.address}
    answer = post_json(world.server, "/gsma/rsp2/es9plus/initiateAuthentication", members)
    assert b'"1.3.1"' in answer.body
