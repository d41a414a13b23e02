"""Whole downloads: curves, bindings, sizes, protection, versions."""

from __future__ import annotations

import pytest

from sgprobe.peers.profiles.library import PROFILE_TYPES, package
from tests.peers.rsp_drive import World


@pytest.mark.parametrize("protection", ["ppk", "session"])
@pytest.mark.parametrize("binding", ["json", "asn1"])
@pytest.mark.parametrize("curve", ["p256", "brainpool"])
def test_what_the_card_opens_is_the_package(curve: str, binding: str, protection: str):
    world = World(curve, binding=binding)
    for kind in ("small", "30k", "100k", "icon"):
        order = world.server.order(kind, protection=protection)
        session = world.bound(order.matching_id)
        inside = world.card.load(session.bound.package)
        assert inside["upp"] == package("sgprobe", order.iccid, PROFILE_TYPES[kind])
        assert inside["metadata"] == session.authenticated.profile_metadata
        assert bool(inside["replace"]) == (protection == "ppk")
        assert world.state(order) == "downloaded"
        world.notify(world.card.installation_result(world.address))
        assert world.state(order) == "installed"
    assert not world.server.journal


@pytest.mark.parametrize("version", ["2.2", "2.4", "2.5", "2.6", "2.7"])
def test_every_version_downloads_and_names_itself(version: str):
    world = World(version=version)
    order = world.server.order("small")
    world.bound(order.matching_id)
    assert world.server.protocol == f"gsma/rsp/v{version}.0"
    assert world.state(order) == "downloaded"


def test_a_large_icon_needs_two_metadata_segments():
    world = World()
    order = world.server.order("icon")
    package_ = world.bound(order.matching_id).bound.package
    tree = world.card.codec.tree("BoundProfilePackage", package_)
    assert len(tree.root.to_value()["sequenceOf88"]) == 2
