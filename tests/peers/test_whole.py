"""eIM, IPA and eUICC together: every kind of package, on both curves, in every version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sgprobe.crypto import keys
from sgprobe.peers.effects import LinkFailure
from sgprobe.peers.eim.operations import (
    AddEim,
    Delete,
    DeleteEim,
    Disable,
    Download,
    Enable,
    GetData,
    ListEim,
    ListProfiles,
    UpdateEim,
)
from tests.peers.world import A, B, World, states

# what an eIM has to know to do something in the IPA's place
KNOWN = (
    "euicc-info1",
    "euicc-info2",
    "eum-certificate",
    "euicc-certificate",
    "ipa-capabilities",
    "device-info",
)
VERSIONS = ["1.0.1", "1.1", "1.2", "1.3"]


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_profile_is_enabled(version: str, curve: str):
    world = World(version, curve)
    order = world.do(Enable(B))
    assert order.state == "done", order
    assert states(world.euicc) == {A: False, B: True}
    assert world.eim.device(world.eid).enabled() == B
    # the result was acknowledged, and removed from the eUICC
    assert world.waiting()[0] == 0
    assert not world.eim.journal


# features of the IPA: direct and indirect, and what the eIM does in its place
SPLITS = {
    "own": {1},
    "data": {1, 2},
    "context": {1, 2, 3},
    "metadata": {1, 2, 3, 4},
    "compact": {1, 5},
    "all": {0, 1, 2, 3, 4, 5},
}


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_profile_is_downloaded_directly(version: str, curve: str):
    world = World(version, curve, ipa={"features": frozenset({0})})
    name, made = world.download("30k")
    report = world.poll()
    assert report.ok, report
    assert world.state(name) == "done"
    assert world.smdp.state(made.iccid).state == "installed"
    assert made.iccid in world.profiles()
    assert made.iccid in world.eim.device(world.eid).profiles
    # the eIM was asked for packages and told of the result, and relayed nothing
    assert len(world.link.seen) == 3
    assert world.waiting() == (0, 0)
    assert not world.eim.journal
    assert not world.ipa.journal


@pytest.mark.parametrize("json", [False, True], ids=["asn1", "json"])
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("version", "curve"), [("1.0.1", "p256"), ("1.3", "brainpool")])
def test_a_profile_is_downloaded_through_the_eim(version, curve, split, json):
    features = frozenset(SPLITS[split])
    world = World(version, curve, indirect=True, ipa={"features": features, "json": json})
    if version == "1.0.1" and 0 in features:
        # without the bit in the association the IPA must have no other way
        world.config = replace(world.config, features=features - {0})
        world.boot()
    assert world.do(GetData(KNOWN)).state == "done"
    name, made = world.download("30k", indirect=True)
    report = world.poll()
    assert report.ok, report
    assert world.state(name) == "done", world.outcome(name)
    assert world.smdp.state(made.iccid).state == "installed"
    assert world.profiles()[made.iccid] == "30 kB"
    assert world.eim.device(world.eid).profiles[made.iccid]["name"] == "30 kB"
    assert world.waiting() == (0, 0)
    assert not world.eim.journal
    assert not world.ipa.journal


@pytest.mark.parametrize("json", [False, True], ids=["asn1", "json"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("version", VERSIONS)
def test_eims_are_added_changed_listed_and_deleted(version, curve, json):
    world = World(version, curve, ipa={"json": json})
    spki = keys.spki(keys.derive_key("another", "eim", keys.Curve(curve))).hex()
    order = world.do(
        AddEim("b", public_key=spki, token=True),
        UpdateEim("b", fqdn="b.example.com"),
        ListEim(),
        DeleteEim("b"),
    )
    assert order.state == "done", order
    assert [next(iter(one)) for one in order.results] == [
        "addEimResult",
        "updateEimResult",
        "listEimResult",
        "deleteEimResult",
    ]
    assert len(world.driver.run(world.ipa.associations())) == 1


@pytest.mark.parametrize("json", [False, True], ids=["asn1", "json"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_enabling_that_nobody_hears_of_is_rolled_back(version, curve, json):
    world = World(version, curve, ipa={"json": json})
    world.do(ListProfiles())
    name = world.order(Enable(B, rollback=True))
    original = world.link.handler

    def handler(request):
        if states(world.euicc)[B]:
            raise LinkFailure("profile B has no network")
        return (yield from original(request))

    world.link.handler = handler
    assert world.poll().ok
    assert states(world.euicc) == {A: True, B: False}
    assert world.state(name) == "rolled-back"
    assert world.eim.device(world.eid).enabled() == A


@pytest.mark.parametrize("indirect", [False, True])
@pytest.mark.parametrize(("version", "curve"), [("1.0.1", "p256"), ("1.3", "brainpool")])
def test_an_sm_ds_leads_to_a_download(version, curve, indirect):
    features = frozenset({1} if indirect else {0})
    world = World(version, curve, indirect=indirect, ipa={"features": features})
    made = world.smdp.order("small", eid=world.eid)
    world.smds.register_event(world.eid, made.matching_id, world.host, world.clock.now)
    name = world.order(Download(smds=world.ds_host, indirect=indirect))
    assert world.poll().ok
    assert world.state(name) == "done", world.outcome(name)
    assert world.smdp.state(made.iccid).state == "installed"


def test_a_whole_life():
    """Everything that a device meets, one after the other, in one world."""
    world = World(indirect=True, ipa={"features": frozenset({0, 1, 2, 3, 4, 5})})
    assert world.do(GetData(KNOWN)).state == "done"
    names = []
    for _ in range(3):
        name, made = world.download("small", indirect=True)
        assert world.poll().ok
        assert world.state(name) == "done"
        names.append(made.iccid)
    assert world.do(Enable(names[0])).state == "done"
    assert world.do(Disable(names[0]), Enable(names[1])).state == "done"
    assert world.do(Delete(names[0]), ListProfiles()).state == "done"
    assert world.do(Delete(names[1])).reason == "deleteResult: profileNotInDisabledState"
    view = world.eim.device(world.eid).profiles
    assert {iccid for iccid, one in view.items() if one["enabled"]} == {names[1]}
    assert set(view) == {A, B, names[1], names[2]} == set(world.profiles())
    assert world.waiting() == (0, 0)
    kinds = [one["kind"] for one in world.smdp.notifications(world.eid)]
    assert kinds == ["install", "install", "install", "enable", "disable", "enable", "delete"]
    assert not world.eim.journal
    assert not world.smdp.journal or all("ICCID" in text for _, text in world.smdp.journal)


def test_an_empty_queue_ends_the_poll():
    world = World()
    report = world.poll()
    assert report.ok
    assert report.handled == []
