"""eIM, IPA and eUICC together: every kind of package, on both curves, in every version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sgprobe.peers.eim.operations import Enable, GetData
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
@pytest.mark.parametrize(("version", "curve"), [("1.0.1", "p256"), *[("1.3", "brainpool")]])
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


def test_an_empty_queue_ends_the_poll():
    world = World()
    report = world.poll()
    assert report.ok
    assert report.handled == []
