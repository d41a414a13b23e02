"""What notifications and cancelled sessions do to an order."""

from __future__ import annotations

import pytest

from dissectors.asn1.tlv import tlv
from sgprobe.crypto import keys
from tests.peers.rsp_card import Card
from tests.peers.rsp_drive import World, pki

PERMANENT = (
    "incorrectInputValues",
    "invalidSignature",
    "invalidTransactionId",
    "unsupportedCrtValues",
    "unsupportedRemoteOperationType",
    "unsupportedProfileClass",
    "scp03tStructureError",
    "scp03tSecurityError",
    "installFailedDueToIccidAlreadyExistsOnEuicc",
    "installFailedDueToPEProcessingError",
    "installFailedDueToDataMismatch",
    "testProfileInstallFailedDueToInvalidNaaKey",
    "pprNotAllowed",
    "installFailedDueToUnknownError",
)
PASSING = (
    "installFailedDueToInsufficientMemoryForProfile",
    "installFailedDueToInterruption",
)


def downloaded(world: World):
    order = world.server.order("small")
    session = world.bound(order.matching_id)
    world.card.load(session.bound.package)
    return order, session


@pytest.mark.parametrize("reason", PERMANENT)
def test_a_lasting_failure_ends_the_order(reason: str):
    world = World()
    order, _ = downloaded(world)
    world.notify(world.card.installation_result(world.address, reason))
    state = world.server.state(order.iccid)
    assert (state.state, state.reason) == ("error", reason)


@pytest.mark.parametrize("reason", PASSING)
def test_a_passing_failure_leaves_the_order(reason: str):
    world = World()
    order, _ = downloaded(world)
    world.notify(world.card.installation_result(world.address, reason))
    assert world.state(order) == "released"
    assert world.bound(order.matching_id).bound


def test_a_result_of_an_unknown_session_changes_nothing():
    world = World()
    order, _ = downloaded(world)
    before = dict(world.store._records)
    world.card.transaction_id = bytes(16)
    world.notify(world.card.installation_result(world.address))
    assert world.store._records == before
    assert world.state(order) == "downloaded"
    assert "8.10.1/3.9" in world.server.journal[-1][1]


def test_a_late_failure_does_not_undo_an_installation():
    world = World()
    order, _ = downloaded(world)
    world.notify(world.card.installation_result(world.address))
    world.notify(world.card.installation_result(world.address, "scp03tSecurityError"))
    assert world.state(order) == "installed"


def test_enable_disable_and_delete_are_recorded_in_order():
    world = World()
    downloaded(world)
    world.notify(world.card.installation_result(world.address))
    for event in ("40", "20", "10"):
        world.notify(world.card.other_notification(world.address, event))
    kinds = [one["kind"] for one in world.server.notifications(world.card.eid)]
    assert kinds == ["install", "enable", "disable", "delete"]
    numbers = [one["seqNumber"] for one in world.server.notifications(world.card.eid)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("fault", ["expired", "wrong-signature", "eid-outside-eum-range"])
def test_a_notification_of_a_faulty_card_is_not_believed(fault: str):
    world = World(card={"fault": fault})
    world.notify(world.card.other_notification(world.address, "40", "8999001000000000016"))
    assert not world.server.notifications(world.card.eid)


def test_a_notification_of_another_card_is_not_believed():
    world = World()
    order, _ = downloaded(world)
    other = Card(pki()["p256"], "euicc2")
    world.notify(other.other_notification(world.address, "40", order.iccid))
    assert not world.server.notifications(other.eid)


@pytest.mark.parametrize("after", ["authenticate", "bind"])
@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("endUserRejection", "error"),
        ("postponed", "released"),
        ("timeout", "released"),
        ("pprNotAllowed", "error"),
        ("metadataMismatch", "error"),
        ("loadBppExecutionError", "error"),
        ("undefinedReason", "error"),
    ],
)
def test_each_reason_to_cancel(reason: str, state: str, after: str):
    world = World()
    order = world.server.order("small")
    session = (
        world.bound(order.matching_id)
        if after == "bind"
        else world.authenticated(order.matching_id)
    )
    identity = session.initiated.transaction_id
    world.run(world.client.cancel_session(identity, world.card.cancel(reason)))
    assert world.state(order) == state
    again = world.client.cancel_session(identity, world.card.cancel(reason))
    assert world.refused(again) == "8.10.1/3.9"


def test_a_wrong_signature_cancels_nothing():
    world = World()
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    identity = session.initiated.transaction_id
    other = keys.derive_key("tests", "other", keys.Curve.P256)
    call = world.client.cancel_session(identity, world.card.cancel("timeout", key=other))
    assert world.refused(call) == "8.1/6.1"
    assert world.run(world.client.cancel_session(identity, world.card.cancel("timeout"))) is None


def test_a_card_that_cannot_cancel_leaves_the_session():
    world = World()
    order = world.server.order("small")
    session = world.authenticated(order.matching_id)
    identity = session.initiated.transaction_id
    error = tlv("BF41", tlv("81", b"\x7f"))
    assert world.refused(world.client.cancel_session(identity, error)) == "8.1/4.2"
    session.prepared = world.card.prepare_download(session.authenticated)
    assert world.run(world.bind_call(session))


def test_a_session_without_a_card_cannot_be_cancelled():
    world = World()
    initiated = world.initiate()
    world.card.transaction_id = initiated.transaction_id
    call = world.client.cancel_session(initiated.transaction_id, world.card.cancel("timeout"))
    assert world.refused(call) == "8.10.1/3.9"
