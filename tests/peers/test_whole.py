"""eIM, IPA and eUICC together: every kind of package, on both curves, in every version."""

from __future__ import annotations

import pytest

from sgprobe.peers.eim.operations import Enable
from tests.peers.world import A, B, World, states

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


def test_an_empty_queue_ends_the_poll():
    world = World()
    report = world.poll()
    assert report.ok
    assert report.handled == []
