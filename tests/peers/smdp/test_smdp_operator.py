"""The operator's side: order states, matching ids, ES2+ in JSON."""

from __future__ import annotations

import json

import pytest

from dissectors.spec.identity import is_luhn, make_eid
from sgprobe.peers.es9.status import Refusal
from sgprobe.peers.smdp.limits import Limits
from tests.peers.rsp_drive import World, header_of, post_json

EID = make_eid("890490321234512345123456789014")
OTHER = make_eid("890490321234512345123456789099")
HEADER = {"functionRequesterIdentifier": "2.999.1", "functionCallIdentifier": "call-1"}


def es2(world: World, function: str, **members):
    body = {"header": HEADER, **members}
    response = post_json(world.server, f"/gsma/rsp2/es2plus/{function}", body)
    assert response.status == 200
    return header_of(response), json.loads(response.body)


def code(world: World, function) -> str:
    with pytest.raises(Refusal) as caught:
        world.server.operate(function)
    return caught.value.status.code


def test_the_states_of_an_order():
    world = World()
    operate, state = world.server.operate, world.server.state
    order = operate(lambda desk, work: desk.order(work, kind="small"))
    assert order.state == "allocated"
    assert is_luhn(order.iccid)
    linked = operate(lambda desk, work: desk.order(work, kind="small", eid=EID))
    assert linked.state == "linked"
    confirmed = operate(lambda desk, work: desk.confirm(work, order.iccid, release=False))
    assert confirmed.state == "confirmed"
    operate(lambda desk, work: desk.release(work, order.iccid))
    assert state(order.iccid).state == "released"
    operate(lambda desk, work: desk.cancel(work, order.iccid))
    assert state(order.iccid).state == "available"
    again = operate(lambda desk, work: desk.order(work, iccid=order.iccid))
    assert (again.state, again.kind, again.matching_id) == ("allocated", "small", None)
    operate(lambda desk, work: desk.cancel(work, order.iccid, available=False))
    assert state(order.iccid).state == "unavailable"
    assert code(world, lambda desk, work: desk.order(work, iccid=order.iccid)) == "8.2.1/3.3"


def test_what_an_operator_may_not():
    world = World()
    order = world.server.order("small", eid=EID, matching_id="MINE")
    other = world.server.order("small", release=False)
    unknown = "8999001999999999990"

    def refused(name, *args, **members):
        return code(world, lambda desk, work: getattr(desk, name)(work, *args, **members))

    assert refused("order", kind="no such") == "8.2.5/3.9"
    assert refused("order") == "1.3.1/2.2"
    assert refused("order", iccid=order.iccid) == "8.2.1/3.3"
    assert refused("order", kind="small", eid="123") == "1.3.1/2.1"
    assert refused("confirm", unknown) == "8.2.1/3.9"
    assert refused("confirm", order.iccid, eid=OTHER) == "8.2.1/3.1"
    assert refused("confirm", other.iccid, matching_id="MINE") == "8.2.6/3.3"
    assert refused("confirm", other.iccid, matching_id="") == "8.1.1/2.2"
    assert refused("release", order.iccid) == "8.2.1/3.5"
    assert refused("cancel", order.iccid, eid=OTHER) == "8.2.1/3.1"
    assert refused("cancel", order.iccid, matching_id="OTHER") == "8.2.6/3.1"
    # nothing of all that has changed anything
    assert world.server.state(order.iccid) == order
    assert world.server.state(other.iccid) == other


def test_a_type_must_be_that_of_the_profile():
    world = World()
    iccid = world.server.order("small").iccid
    world.server.operate(lambda desk, work: desk.cancel(work, iccid))
    assert code(world, lambda desk, work: desk.order(work, iccid=iccid, kind="30k")) == "8.2.5/3.8"


def test_an_order_of_a_type_that_is_gone():
    world = World()
    order = world.server.order("small", matching_id="M")
    changed = json.loads(world.store._records[f"order/{order.iccid}"]) | {"kind": "former"}
    world.store.commit({f"order/{order.iccid}": changed})
    assert world.refused(world.authenticate_call(world.initiate(), "M")) == "8.2.5/3.9"


def test_the_stock_ends():
    world = World(limits=Limits(orders=2))
    world.server.order("small")
    world.server.order("small")
    with pytest.raises(Refusal, match=r"8\.2\.5/3\.7"):
        world.server.order("small")


def test_a_cancelled_order_cannot_be_downloaded():
    world = World()
    order = world.server.order("small")
    world.server.operate(lambda desk, work: desk.cancel(work, order.iccid))
    call = world.authenticate_call(world.initiate(), order.matching_id)
    assert world.refused(call) == "8.2.6/3.8"


def test_the_activation_code():
    world = World()
    order = world.server.order("small", matching_id="ABC-1")
    assert world.server.activation_code(order) == f"LPA:1${world.address}$ABC-1"
    guarded = world.server.order("small", matching_id="ABC-2", code="1234")
    assert world.server.activation_code(guarded) == f"LPA:1${world.address}$ABC-2$$1"


def test_the_confirmation_code_is_kept_as_a_hash_and_shown_nowhere():
    world = World()
    order = world.server.order("small", code="73519248")
    assert "73519248" not in json.dumps(world.store._records)
    assert order.code not in repr(order)


def test_es2plus_orders_what_a_card_downloads():
    world = World()
    header, answer = es2(world, "downloadOrder", profileType="small", eid=world.card.eid)
    assert header[0] == "Executed-Success"
    iccid = answer["iccid"]
    assert len(iccid) == 20
    header, answer = es2(world, "confirmOrder", iccid=iccid, matchingId="M-1", releaseFlag=False)
    assert answer["matchingId"] == "M-1"
    assert answer["smdpAddress"] == world.address
    assert answer["eid"] == world.card.eid
    assert es2(world, "releaseProfile", iccid=iccid)[0][0] == "Executed-Success"
    assert world.bound("M-1").bound


def test_es2plus_refuses_with_its_codes():
    world = World()
    unknown = "8999001999999999990F"
    assert es2(world, "releaseProfile", iccid=unknown)[0] == ("Failed", "8.2.1", "3.9")
    assert es2(world, "confirmOrder", iccid=unknown)[0] == ("Failed", "1.3.1", "2.2")
    assert es2(world, "downloadOrder")[0] == ("Failed", "1.3.1", "2.2")
    assert es2(world, "downloadOrder", profileType=7)[0] == ("Failed", "1.3.1", "2.1")
    response = post_json(world.server, "/gsma/rsp2/es2plus/downloadOrder", {"profileType": "30k"})
    assert header_of(response) == ("Failed", "1.2.1", "2.1")
    order = world.server.order("small")
    final = {"iccid": order.iccid, "finalProfileStatusIndicator": "Available"}
    assert es2(world, "cancelOrder", **final)[0][0] == "Executed-Success"
    assert world.state(order) == "available"


def test_an_event_follows_its_order():
    world = World()
    outbox = []

    def waiting() -> list[tuple[str, str]]:
        entries = world.store.get("outbox") or []
        new = [(one["what"], one["event_id"]) for one in entries[len(outbox) :]]
        outbox.extend(entries[len(outbox) :])
        return new

    operate = world.server.operate
    order = operate(lambda desk, work: desk.order(work, kind="small", eid=world.card.eid))
    assert waiting() == []
    operate(
        lambda desk, work: desk.confirm(
            work, order.iccid, matching_id="M-1", smds="ds.example.com", release=False
        )
    )
    # an eUICC that came now would be told that nothing is released
    assert waiting() == []
    operate(lambda desk, work: desk.release(work, order.iccid))
    assert waiting() == [("register", "M-1")]
    world.bound("M-1")
    assert waiting() == []
    operate(lambda desk, work: desk.cancel(work, order.iccid))
    assert waiting() == [("delete", "M-1")]


def test_an_event_needs_an_eid():
    world = World()
    iccid = world.server.order("small", release=False).iccid
    refused = code(world, lambda desk, work: desk.confirm(work, iccid, smds="ds.example.com"))
    assert refused == "8.1.1/2.2"
