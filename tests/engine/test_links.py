"""Conditions of links: which way a fault goes, and which datagrams it counts."""

from __future__ import annotations

from typing import Any

import pytest

from sgprobe.cases.planned import Impairment
from sgprobe.engine.links import impairment_of, impairment_of_point, link_text
from sgprobe.links.impairment import Perfect


def ways(wanted: Impairment, role: str, product: str) -> tuple[list[int], list[int]]:
    """Return how many of three datagrams arrive each way, as numbers of those that do."""
    link = impairment_of(wanted, role, product)
    inward = [one for one in (1, 2, 3) if link.inward(bytes([one] * 40), 0.0)]
    outward = [one for one in (1, 2, 3) if link.outward(bytes([one] * 40), 0.0)]
    return inward, outward


ALL = [1, 2, 3]


@pytest.mark.parametrize(
    ("toward", "role", "product", "wanted"),
    [
        # the link belongs to the server: what goes to a client goes outward
        ("", "eim", "ipa", (ALL, [1, 3])),
        ("", "eim", "eim", ([1, 3], ALL)),
        ("eim", "eim", "ipa", ([1, 3], ALL)),
        ("ipa", "eim", "eim", (ALL, [1, 3])),
    ],
)
def test_a_datagram_is_lost_on_its_way(toward: str, role: str, product: str, wanted: Any) -> None:
    assert ways(Impairment(drop=(2,), toward=toward), role, product) == wanted


def test_copies_and_delays() -> None:
    link = impairment_of(Impairment(duplicate=(1,), delay=((2, 3.0),)), "eim", "eim")
    assert len(link.inward(b"a" * 40, 0.0)) == 2
    assert [one[0] for one in link.inward(b"b" * 40, 0.0)] == [3.0]


def test_a_link_without_faults_is_perfect() -> None:
    assert isinstance(impairment_of(Impairment(), "eim", "ipa"), Perfect)


@pytest.mark.parametrize(
    ("written", "wanted", "shown"),
    [
        ("up", Impairment(), "up"),
        ("unreachable", Impairment(up=False), "unreachable"),
        ({"drop": ["2", "3"], "toward": "eim"}, Impairment(drop=(2, 3), toward="eim"),
         "drop [2, 3] toward eim"),
        ({"drop": "2"}, Impairment(drop=(2,)), "drop [2]"),
        ({"duplicate": ["3"], "delay": {"4": "3 s"}},
         Impairment(duplicate=(3,), delay=((4, 3.0),)), "duplicate [3], delay {4: 3.0}"),
    ],
    ids=range(5),
)  # fmt: skip
def test_points_of_an_axis(written: Any, wanted: Impairment, shown: str) -> None:
    assert impairment_of_point(written) == wanted
    assert link_text(wanted) == shown


@pytest.mark.parametrize("role", ["eim", "ipa"])
def test_a_narrow_path_is_narrow_both_ways(role: str) -> None:
    link = impairment_of(impairment_of_point({"largest": "548", "drop": "2"}), "eim", role)
    # the second datagram toward the product is lost
    assert [bool(way(b"\x17", 0.0)) for way in (link.inward, link.outward) for _ in (1, 2)].count(
        False
    ) == 1
    sizes = [[bool(way(b"\x17" + bytes(size), 0.0)) for size in (547, 548)]
             for way in (link.inward, link.outward)]  # fmt: skip
    assert sizes == [[True, False], [True, False]]
    # a handshake has its own way with small paths
    assert link.inward(b"\x16" + bytes(900), 0.0)


def test_a_narrow_path_in_words() -> None:
    assert link_text(Impairment(largest=548)) == "nothing above 548 octets"
    assert isinstance(impairment_of(Impairment(largest=0), "eim", "eim"), Perfect)
