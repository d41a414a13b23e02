"""What cases ask for, as an operator is asked: the simulated eIM takes it as it is."""

from __future__ import annotations

import pytest

from dissectors.spec.identity import iccid_octets
from sgprobe.cases.keys import STATES, TRIGGERS
from sgprobe.peers.eim.forms import FIELDS, from_members
from sgprobe.peers.eim.operations import Download, Enable, GetData, ListProfiles, UpdateEim
from sgprobe.product.actions import (
    INTEGERS,
    OPERATIONS,
    VERBS,
    Call,
    of_outcome,
    of_state,
    of_trigger,
)

A = "8949000000000000005"
OCTETS = iccid_octets(A).hex()


# what the bench does itself: parties around a factory, figures, and one role's part of another
OWN = {"smdpf.deliver", "fpa.fail", "fpa.remove", "fpa.state", "msp.hear"}
OWN_ROLES = ("eum", "dm", "scale", "bench")
ASKED = [one for one in TRIGGERS if one not in OWN and one.partition(".")[0] not in OWN_ROLES]


@pytest.mark.parametrize("name", ASKED)
def test_every_trigger_of_cases_is_an_action(name: str) -> None:
    call = of_trigger(name, {"eid": "1", "enable": OCTETS})
    assert call.action in VERBS[call.verb].actions


@pytest.mark.parametrize("name", STATES)
def test_every_state_of_cases_leads_to_an_action(name: str) -> None:
    assert of_state(name, {}).verb in ("order", "trigger", "clock")
    call = of_outcome(name, {})
    assert call.verb in ("outcome", "export")
    assert call.action in VERBS[call.verb].actions or call.action == name


def test_operations_are_those_of_the_simulated_eim() -> None:
    assert set(OPERATIONS) == set(FIELDS)
    numbers = {one.name for several in FIELDS.values() for one in several if one.type == "integer"}
    assert numbers | {"expires-in"} == set(INTEGERS)
    for op, member in OPERATIONS.items():
        assert not member or member in {one.name for one in FIELDS[op]}


@pytest.mark.parametrize(
    ("given", "action", "operation"),
    [
        ({"enable": OCTETS}, "enable", Enable(A)),
        ({"enable": A}, "enable", Enable(A)),
        ({"enable": OCTETS, "rollback": "yes"}, "enable", Enable(A, rollback=True)),
        ({"enable": {"iccid": OCTETS, "rollback": True}}, "enable", Enable(A, rollback=True)),
        ({"op": "enable", "iccid": OCTETS, "rollback": "no"}, "enable", Enable(A)),
        ({"update-eim": {"eim-id": "x", "counter": "5", "indirect-download": "yes"}}, "update-eim",
         UpdateEim("x", counter=5, indirect_download=True)),
        ({"list-profiles": "yes"}, "list-profiles", ListProfiles()),
        ({"get-data": "euicc-info2"}, "get-data", GetData(("euicc-info2",))),
        ({"download": "1$h$M", "indirect": "yes"}, "download",
         Download(activation_code="1$h$M", indirect=True)),
    ],
)  # fmt: skip
def test_an_order_of_a_case(given, action: str, operation) -> None:
    call = of_trigger("eim.queue-package", {"eid": "8904", "expires-in": "60", **given})
    assert call.given["expires-in"] == 60
    assert (call.verb, call.action) == ("order", action)
    assert [from_members(one) for one in call.given["operations"]] == [operation]
    assert call.given["eid"] == "8904"


def test_the_iccid_stands_in_both_forms() -> None:
    call = of_trigger("eim.queue-package", {"eid": "8904", "disable": OCTETS})
    assert (call.given["iccid"], call.given["iccid-octets"]) == (A, OCTETS.upper())
    # one that is wrong on purpose goes as it is
    call = of_trigger("eim.queue-package", {"eid": "8904", "disable": "ABCD"})
    assert (call.given["iccid"], call.given["iccid-octets"]) == ("ABCD", "ABCD")


def test_several_operations_are_a_package() -> None:
    several = [{"disable": OCTETS}, {"op": "enable", "iccid": A}, "get-rat"]
    call = of_trigger("eim.queue-package", {"eid": "8904", "operations": several})
    assert call.action == "package"
    assert [one["op"] for one in call.given["operations"]] == ["disable", "enable", "get-rat"]
    assert [one.get("iccid") for one in call.given["operations"]] == [A, A, None]


def test_other_triggers() -> None:
    assert of_trigger("ipa.poll", {}) == Call("trigger", "poll", {})
    assert of_trigger("eim.restart", {}) == Call("restart", "product", {})
    assert of_trigger("eim.cancel", {"order": "7"}) == Call("cancel", "order", {"order": "7"})
    assert of_trigger("smdp.order", {"iccid": OCTETS}).given["iccid"] == A
    assert of_trigger("eim.dance", {"x": 1}) == Call("trigger", "dance", {"x": 1})
