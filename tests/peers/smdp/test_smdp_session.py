"""Sessions, retries and one-time keys: what one download leaves to the next."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.crypto import keys
from sgprobe.peers.profiles.library import PROFILE_TYPES, package
from sgprobe.peers.smdp.limits import Limits
from sgprobe.peers.store import MemoryStore, SqliteStore
from tests.peers.rsp_card import CHALLENGE, Card
from tests.peers.rsp_drive import Session, World, pki


def signed1(world: World, initiated) -> dict:
    return world.card.codec.decode("ServerSigned1", initiated.server_signed1).value


def signed2(world: World, session: Session) -> dict:
    return world.card.codec.decode("SmdpSigned2", session.authenticated.smdp_signed2).value


def test_ids_and_challenges_are_unique_and_echo_the_request():
    world = World()
    first, second = (signed1(world, world.initiate()) for _ in range(2))
    assert first["euiccChallenge"] == CHALLENGE.hex()
    assert first["serverAddress"] == world.address
    for member in ("transactionId", "serverChallenge"):
        assert first[member] != second[member]


@pytest.mark.parametrize("svn", ["020201", "020202", "020300", "020500"])
def test_older_minor_versions_are_welcome(svn: str):
    world = World()
    value = world.card.codec.decode("EUICCInfo1", world.card.info1).value
    info1 = world.card.codec.encode("EUICCInfo1", {**value, "svn": svn})
    assert world.run(world.client.initiate_authentication(CHALLENGE, info1))


@pytest.mark.parametrize("first", ["p256", "brainpool"])
def test_the_priority_of_the_card_decides(first: str):
    world = World()
    second = "brainpool" if first == "p256" else "p256"
    listed = ["00" * 20, *(pki()[curve].ci_id.hex() for curve in (first, second))]
    value = {
        "svn": "020500",
        "euiccCiPKIdListForVerification": listed,
        "euiccCiPKIdListForSigning": listed,
    }
    info1 = world.card.codec.encode("EUICCInfo1", value)
    answer = world.run(world.client.initiate_authentication(CHALLENGE, info1))
    assert answer.ci_key_id == tlv("04", pki()[first].ci_id)
    assert answer.certificate == pki()[first]["dpauth"].certificate.der


def test_the_address_has_no_case():
    world = World()
    from dataclasses import replace

    client = replace(world.client, server=world.address.upper())
    assert world.run(client.initiate_authentication(CHALLENGE, world.card.info1))


def test_a_short_challenge_begins_no_session():
    world = World()
    call = world.client.initiate_authentication(CHALLENGE[:15], world.card.info1)
    assert world.refused(call) == "1.3.1/2.1"
    assert world.server.sessions == 0


@pytest.mark.parametrize("matching_id", ["", None])
def test_a_default_order_is_found_by_the_eid(matching_id):
    world = World()
    order = world.server.order("small", eid=world.card.eid, matching_id="")
    assert world.bound(matching_id).bound
    assert world.state(order) == "downloaded"


def test_without_a_default_order_the_eid_is_refused():
    world = World()
    world.server.order("small", eid=world.card.eid)
    assert world.refused(world.authenticate_call(world.initiate(), "")) == "8.1.1/3.8"


def test_an_order_without_eid_is_bound_to_the_first_that_comes():
    world = World()
    order = world.server.order("small")
    world.authenticated(order.matching_id)
    assert world.server.state(order.iccid).eid == world.card.eid
    world.card = Card(pki()["p256"], "euicc2")
    call = world.authenticate_call(world.initiate(), order.matching_id)
    assert world.refused(call) == "8.1.1/3.8"


def test_after_a_refused_matching_id_a_new_session_succeeds():
    world = World()
    order = world.server.order("small")
    initiated = world.initiate()
    assert world.refused(world.authenticate_call(initiated, "WRONG")) == "8.2.6/3.8"
    call = world.authenticate_call(initiated, order.matching_id)
    assert world.refused(call) == "8.10.1/3.9"
    assert world.bound(order.matching_id).bound


def test_a_lost_answer_is_given_again_and_counts_once():
    world = World()
    order = world.server.order("small")
    initiated = world.initiate()
    response = world.card.authenticate_server(initiated, order.matching_id)
    first, second = (
        world.run(world.client.authenticate_client(initiated, response)) for _ in range(2)
    )
    assert first == second
    assert world.server.state(order.iccid).attempts == 1


def test_the_same_call_gives_the_same_package():
    world = World()
    order = world.server.order("small")
    session = world.bound(order.matching_id)
    assert world.run(world.bind_call(session)) == session.bound


def test_another_key_in_the_same_session_gets_other_session_keys():
    world = World()
    order = world.server.order("small", protection="session")
    session = world.bound(order.matching_id)
    world.card.otsk = None
    session.prepared = world.card.prepare_download(session.authenticated)
    again = world.run(world.bind_call(session)).package
    assert world.card.load(again)["upp"] == package("sgprobe", order.iccid, PROFILE_TYPES["small"])
    assert not set(sealed(again)) & set(sealed(session.bound.package))


def sealed(package_: bytes) -> list[bytes]:
    """The protected parts: what stands behind BF23."""
    outer = read_tlv(package_)
    parts = split(package_, outer.body, outer.end)
    return [package_[one.start : one.end] for one in parts][1:]


@pytest.mark.parametrize("protection", ["ppk", "session"])
def test_a_retry_offers_the_key_and_keeps_the_segments(protection: str):
    world = World()
    order = world.server.order("small", protection=protection)
    first = world.bound(order.matching_id)
    second = world.authenticated(order.matching_id)
    assert signed2(world, second)["bppEuiccOtpk"] == keys.point(world.card.otsk).hex()
    second.prepared = world.card.prepare_download(second.authenticated)
    second.bound = world.run(world.bind_call(second))
    # the signed channel names the new session; what is protected is the same, octet for octet
    assert second.bound.package != first.bound.package
    assert sealed(second.bound.package) == sealed(first.bound.package)
    assert world.card.load(second.bound.package)["upp"]


def test_a_retry_with_another_key_is_bound_anew():
    world = World()
    order = world.server.order("small", protection="session")
    first = world.bound(order.matching_id)
    second = world.authenticated(order.matching_id)
    world.card.otsk = None
    second.prepared = world.card.prepare_download(second.authenticated)
    second.bound = world.run(world.bind_call(second))
    assert world.card.load(second.bound.package)["upp"]
    assert not set(sealed(second.bound.package)) & set(sealed(first.bound.package))


def test_no_key_of_one_curve_is_offered_on_the_other():
    world = World("brainpool")
    order = world.server.order("small")
    world.bound(order.matching_id)
    world.card = Card(pki()["p256"])
    assert "bppEuiccOtpk" not in signed2(world, world.authenticated(order.matching_id))
    assert world.bound(order.matching_id).bound


def test_a_confirmation_code_wrong_then_right():
    world = World()
    order = world.server.order("small", code="12345678")
    session = world.authenticated(order.matching_id)
    assert signed2(world, session)["ccRequiredFlag"] is True
    session.prepared = world.card.prepare_download(session.authenticated, "87654321")
    assert world.refused(world.bind_call(session)) == "8.2.7/3.8"
    session.prepared = world.card.prepare_download(session.authenticated, "12345678")
    assert world.run(world.bind_call(session))
    assert world.server.state(order.iccid).wrong_codes == 1


def test_too_many_wrong_codes_end_the_order():
    world = World(limits=Limits(code_tries=2))
    order = world.server.order("small", code="1234")
    session = world.authenticated(order.matching_id)
    session.prepared = world.card.prepare_download(session.authenticated, "0000")
    assert world.refused(world.bind_call(session)) == "8.2.7/3.8"
    assert world.refused(world.bind_call(session)) == "8.2.7/6.4"
    assert world.state(order) == "error"
    session.prepared = world.card.prepare_download(session.authenticated, "1234")
    assert world.refused(world.bind_call(session)) == "8.10.1/3.9"
    call = world.authenticate_call(world.initiate(), order.matching_id)
    assert world.refused(call) == "8.2.6/3.8"


def test_an_order_may_expire_between_two_calls():
    world = World()
    order = world.server.order("small", expires=world.now + 10)
    session = world.authenticated(order.matching_id)
    session.prepared = world.card.prepare_download(session.authenticated)
    world.now += 11
    assert world.refused(world.bind_call(session)) == "8.8.5/4.10"
    call = world.authenticate_call(world.initiate(), order.matching_id)
    assert world.refused(call) == "8.8.5/4.10"


def test_authenticate_client_comes_first():
    world = World()
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    prepared = world.card.prepare_download(session.authenticated)
    other = Session(world.initiate(), prepared=prepared)
    assert world.refused(world.bind_call(other)) == "8.10.1/3.9"


def test_a_signed_part_of_another_session_is_refused():
    world = World()
    order = world.server.order("small")
    first, second = world.initiate(), world.initiate()
    response = world.card.authenticate_server(first, order.matching_id)
    call = world.client.authenticate_client(second, response)
    assert world.refused(call) in ("8.1/6.1", "8.10.1/3.9")


@pytest.mark.parametrize("point", ["04" + "00" * 64, "04" + "ff" * 64, "00" * 65, "02" + "11" * 64])
def test_a_point_off_the_curve_gets_nothing(point: str):
    world = World()
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    session.prepared = world.card.prepare_download(
        session.authenticated, change=lambda value: value.update(euiccOtpk=point)
    )
    assert world.refused(world.bind_call(session)) == "8.1/6.1"
    assert world.server.state(order.iccid).keys is None


def test_a_point_of_the_other_curve_gets_nothing():
    world = World()
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    foreign = keys.point(keys.derive_key("tests", "foreign", keys.Curve.BRAINPOOL)).hex()
    session.prepared = world.card.prepare_download(
        session.authenticated, change=lambda value: value.update(euiccOtpk=foreign)
    )
    assert world.refused(world.bind_call(session)) == "8.1/6.1"


def test_an_error_of_the_card_ends_the_session():
    world = World()
    order = world.server.order("small")
    initiated = world.initiate()
    error = tlv("BF38", tlv("A1", tlv("80", initiated.transaction_id), tlv("02", b"\x01")))
    assert world.refused(world.client.authenticate_client(initiated, error)) == "8.1/4.2"
    call = world.authenticate_call(initiated, order.matching_id)
    assert world.refused(call) == "8.10.1/3.9"


def test_a_download_error_of_the_card_fails_the_order():
    world = World()
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    identity = tlv("80", session.initiated.transaction_id)
    session.prepared = tlv("BF21", tlv("A1", identity, tlv("02", b"\x02")))
    assert world.refused(world.bind_call(session)) == "8.1/4.2"
    assert world.server.state(order.iccid).reason == "downloadErrorCode invalidSignature"


def test_device_information_without_imei_and_unknown_capabilities_pass():
    world = World(version="2.2")
    world.card.info2["rspCapability"] = {"value": "ffffffff", "length": 32}
    assert world.bound(world.server.order("small").matching_id).bound


def test_a_flood_of_sessions_leaves_those_that_are_proved():
    world = World(limits=Limits(sessions=8))
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    for _ in range(50):
        world.initiate()
    assert world.server.sessions == 9
    session.prepared = world.card.prepare_download(session.authenticated)
    assert world.run(world.bind_call(session))


def test_parallel_sessions_do_not_mix():
    world = World()
    cards = [Card(pki()["p256"], name) for name in ("euicc", "euicc2", "euicc3")] * 4
    running = []
    for card in cards:
        world.card = card
        order = world.server.order("small")
        running.append([card, order, world.initiate()])
    for one in running:
        world.card, order, initiated = one
        response = world.card.authenticate_server(initiated, order.matching_id)
        one.append((response, world.card.signature1, world.card.transaction_id))
    for card, order, initiated, (response, signature1, transaction_id) in reversed(running):
        card.signature1, card.transaction_id, card.otsk = signature1, transaction_id, None
        world.card = card
        authenticated = world.run(world.client.authenticate_client(initiated, response))
        session = Session(initiated, authenticated, card.prepare_download(authenticated))
        inside = card.load(world.run(world.bind_call(session)).package)
        assert inside["upp"] == package("sgprobe", order.iccid, PROFILE_TYPES["small"])


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_orders_and_counters_outlive_the_server(kind: str, tmp_path):
    store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "smdp.db")
    world = World(store=store, limits=Limits(code_tries=2))
    order = world.server.order("small", code="1234")
    session = world.authenticated(order.matching_id)
    session.prepared = world.card.prepare_download(session.authenticated, "0000")
    assert world.refused(world.bind_call(session)) == "8.2.7/3.8"
    again = World(store=store, limits=Limits(code_tries=2))
    # sessions are volatile, the count of wrong codes is not
    again.card = world.card
    assert again.refused(again.bind_call(session)) == "8.10.1/3.9"
    session = again.authenticated(order.matching_id)
    session.prepared = again.card.prepare_download(session.authenticated, "0000")
    assert again.refused(again.bind_call(session)) == "8.2.7/6.4"
    assert again.server.state(order.iccid).attempts == 2


def test_a_result_finds_its_order_after_a_restart():
    world = World()
    order = world.server.order("small")
    world.card.load(world.bound(order.matching_id).bound.package)
    again = World(store=world.store)
    again.notify(world.card.installation_result(world.address))
    assert again.state(order) == "installed"


def test_the_same_seed_gives_the_same_octets():
    packages = []
    for _ in range(2):
        world = World()
        world.card.otsk = keys.derive_key("tests", "one-time", keys.Curve.P256)
        order = world.server.order("small")
        session = world.authenticated(order.matching_id)
        point = keys.point(world.card.otsk).hex()
        session.prepared = world.card.prepare_download(
            session.authenticated, change=lambda value, point=point: value.update(euiccOtpk=point)
        )
        packages.append(world.run(world.bind_call(session)).package)
    assert packages[0][:200] == packages[1][:200]


def test_of_several_default_orders_the_open_one_is_served():
    world = World()
    first = world.server.order("small", eid=world.card.eid, matching_id="")
    world.card.load(world.bound("").bound.package)
    world.notify(world.card.installation_result(world.address))
    early = world.server.order("small", eid=world.card.eid, matching_id="", release=False)
    assert world.refused(world.authenticate_call(world.initiate(), "")) == "8.2/1.2"
    second = world.server.order("small", eid=world.card.eid, matching_id="")
    world.bound("")
    states = [world.state(one) for one in (first, early, second)]
    assert states == ["installed", "confirmed", "downloaded"]


def test_what_is_kept_of_retries_is_bounded_and_goes_with_the_order():
    world = World(limits=Limits(download_tries=20))
    order = world.server.order("small", eid=world.card.eid)
    for _ in range(12):
        session = world.bound(order.matching_id)
    kept = set(world.store.keys("session/"))
    assert kept == {f"session/{name}" for name in world.server.state(order.iccid).sessions}
    assert len(kept) == 8
    assert f"session/{session.initiated.transaction_id.hex()}" in kept
    world.server.operate(lambda desk, work: desk.cancel(work, order.iccid))
    left = [key for key in world.store.keys("") if not key.startswith("order")]
    assert left == ["serial"]
