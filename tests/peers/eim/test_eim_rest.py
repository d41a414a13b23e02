"""The operator interface over HTTP, and its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgprobe.crypto.confirmation import code_hash
from sgprobe.peers.effects import Request
from sgprobe.peers.eim import openapi
from sgprobe.peers.eim.operations import OPERATIONS, Enable
from sgprobe.peers.eim.rest import MAX_BODY, ROUTES
from tests.peers.euicc.euicc_bench import make
from tests.peers.world import A, B, World, states

JSON = "application/json"


def ask(world: World, method: str, path: str, body: Any = None, media: str = JSON) -> tuple:
    """Return status and members of an answer."""
    octets = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    request = Request(path, media, octets, (), method)
    answer = world.eim.operator(request, world.clock.now)
    assert answer.media == JSON
    return answer.status, json.loads(answer.body)


def test_an_order_from_its_beginning_to_its_end():
    world = World()
    path = f"/operator/devices/{world.eid}/orders"
    status, order = ask(world, "POST", path, {"operations": [{"op": "enable", "iccid": B}]})
    assert (status, order["state"]) == (201, "queued")
    assert world.poll().ok
    assert states(world.euicc)[B]
    status, order = ask(world, "GET", f"/operator/orders/{order['id']}")
    assert (status, order["state"]) == (200, "done")
    assert order["results"] == [{"enableResult": "ok"}]
    assert ask(world, "GET", path) == (200, [order])
    status, device = ask(world, "GET", f"/operator/devices/{world.eid}")
    assert device["profiles"][B]["enabled"] is True
    assert device["counter"] == 1


def test_an_order_is_cancelled_once():
    world = World()
    path = f"/operator/devices/{world.eid}/orders"
    _, order = ask(world, "POST", path, {"operations": [{"op": "delete", "iccid": A}]})
    path = f"/operator/orders/{order['id']}"
    assert ask(world, "DELETE", path)[1]["state"] == "cancelled"
    assert ask(world, "DELETE", path)[0] == 409
    assert world.poll().handled == []


def test_an_order_with_an_end():
    world = World()
    path = f"/operator/devices/{world.eid}/orders"
    body = {"operations": [{"op": "enable", "iccid": B}], "expires-in": 60}
    _, order = ask(world, "POST", path, body)
    assert order["expires"] == world.clock.now + 60


def test_a_euicc_is_enrolled_by_what_it_has_been_told():
    world = World(enrol=False)
    path = f"/operator/devices/{world.eid}"
    assert ask(world, "GET", path)[0] == 404
    identity = world.euicc.chip.ecasd.identities[0]
    pair = {"euicc": identity.certificate.der.hex(), "eum": identity.eum.der.hex()}
    status, device = ask(world, "PUT", path, {"certificates": [pair], "token": 1})
    assert (status, device["token"]) == (200, 1)
    assert [one["eid"] for one in ask(world, "GET", "/operator/devices")[1]] == [world.eid]
    orders = f"{path}/orders"
    assert ask(world, "POST", orders, {"operations": [{"op": "get-rat"}]})[0] == 201
    assert world.poll().ok
    assert ask(world, "GET", orders)[1][0]["state"] == "done"


def test_what_is_not_given_stays():
    world = World()
    world.do(Enable(B))
    status, device = ask(world, "PUT", f"/operator/devices/{world.eid}", {})
    assert (status, device["counter"], device["token"]) == (200, 1, 1)
    # a counter that fell would make the next package a replay
    assert str(world.do(Enable(A)).state) == "done"
    _, device = ask(world, "PUT", f"/operator/devices/{world.eid}", {"counter": 7, "token": 0})
    assert (device["counter"], device["token"]) == (7, 0)


def test_what_an_euicc_must_know_of_the_eim_can_be_given_to_it():
    _, told = ask(World(), "GET", "/operator/association")
    answer = make().command(bytes.fromhex(told["add-initial-eim"]), 0)
    assert answer.hex() == "bf5705a003840101"


def test_no_secret_is_shown():
    world = World()
    path = f"/operator/devices/{world.eid}/orders"
    body = {"operations": [{"op": "download", "smdp": "a.b", "code": "29-secret-31"}]}
    ask(world, "POST", path, body)
    whole = json.dumps(ask(world, "GET", "/operator/orders")[1])
    assert "secret" not in whole
    assert code_hash("29-secret-31").hex() not in whole


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/operator", None, 404),
        ("GET", "/operator/orders/", None, 404),
        ("GET", "/operator/orders/77", None, 404),
        ("DELETE", "/operator/orders/77", None, 404),
        ("POST", "/operator/orders", {}, 405),
        ("PUT", "/operator/devices/12", {}, 400),
        ("PUT", "/operator/devices/" + "1" * 32, {}, 400),
        ("PUT", "/operator/devices/{eid}", {"certificates": [{"euicc": "00"}]}, 400),
        ("PUT", "/operator/devices/{eid}", {"certificates": [{"euicc": "00", "eum": "00"}]}, 400),
        ("PUT", "/operator/devices/{eid}", {"key": "nobodys"}, 400),
        ("PUT", "/operator/devices/{eid}", {"counter": "7"}, 400),
        ("PUT", "/operator/devices/{eid}", {"token": 10**30}, 400),
        ("PUT", "/operator/devices/{eid}", {"more": 1}, 400),
        ("POST", "/operator/devices/{eid}/orders", {}, 400),
        ("POST", "/operator/devices/{eid}/orders", {"operations": []}, 400),
        ("POST", "/operator/devices/{eid}/orders", {"operations": [{"op": "get-rat"}] * 33}, 400),
        ("POST", "/operator/devices/{eid}/orders", {"operations": [{"op": "enable"}]}, 400),
        ("POST", "/operator/devices/{eid}/orders", [], 400),
        ("POST", "/operator/devices/{eid}/orders", b"{", 400),
        ("POST", "/operator/devices/{eid}/orders", b"\xff", 400),
        ("POST", "/operator/devices/{eid}/orders", b"[" * 100_000, 400),
        ("POST", "/operator/devices/{eid}/orders", b" " * (MAX_BODY + 1), 413),
        ("POST", "/operator/devices/" + "1" * 32 + "/orders", {"operations": []}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_word(method, path, body, status):
    world = World()
    found, members = ask(world, method, path.replace("{eid}", world.eid), body)
    assert found == status
    assert members["error"]
    assert world.eim.orders() == []


def test_another_media_type():
    world = World()
    assert ask(world, "PUT", f"/operator/devices/{world.eid}", {}, "text/plain")[0] == 415


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([route.method for route in ROUTES] + ["PATCH", ""]),
    st.sampled_from([route.path for route in ROUTES]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["op", "operations", "iccid", "counter", "token", "key", "tags"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
)
def test_nothing_breaks_it(method, path, body):
    world = SHARED
    status, _ = ask(world, method, path.replace("{eid}", world.eid), body)
    assert status in (200, 400, 404, 405, 409)


SHARED = World()


# --- the document ---


def test_the_file_is_what_the_tables_give():
    assert openapi.FILE.read_text() == openapi.text(), "python -m sgprobe.peers.eim.openapi"


def test_the_document_is_served():
    assert ask(World(), "GET", "/operator/openapi.json") == (200, openapi.document())


def resolved(schema: Any, document: Any) -> Any:
    """Return the document as one JSON Schema with the definitions that it refers to."""
    return {**schema, "components": document["components"]}


def test_answers_and_requests_are_what_the_document_says():
    jsonschema = pytest.importorskip("jsonschema", reason="no independent validator is installed")
    document = openapi.document()
    world = World()
    path = f"/operator/devices/{world.eid}/orders"
    wanted = {
        "NewOrder": {"operations": [{"op": "add-eim", "eim-id": "b", "protocols": ["x"]}]},
        "Order": ask(world, "POST", path, {"operations": [{"op": "enable", "iccid": B}]})[1],
        "Orders": ask(world, "GET", "/operator/orders")[1],
        "Devices": ask(world, "GET", "/operator/devices")[1],
        "Device": ask(world, "GET", f"/operator/devices/{world.eid}")[1],
        "Association": ask(world, "GET", "/operator/association")[1],
        "Error": ask(world, "GET", "/nothing")[1],
    }
    for name, value in wanted.items():
        schema = resolved(document["components"]["schemas"][name], document)
        validator = jsonschema.Draft202012Validator(schema)
        assert not list(validator.iter_errors(value)), (name, value)
    bad = {"operations": [{"op": "enable", "iccid": B, "more": 1}]}
    schema = resolved(document["components"]["schemas"]["NewOrder"], document)
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(bad))


def test_every_operation_and_route_is_in_it():
    document = openapi.document()
    mapping = document["components"]["schemas"]["Operation"]["discriminator"]["mapping"]
    assert mapping.keys() == OPERATIONS.keys()
    ways = {(method.upper(), path) for path, methods in document["paths"].items()
            for method in methods}  # fmt: skip
    assert ways == {(route.method, route.path) for route in ROUTES}
