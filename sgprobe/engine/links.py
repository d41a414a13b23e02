"""Conditions of links as cases name them, for the links that are there."""

from __future__ import annotations

from sgprobe.cases.planned import Impairment
from sgprobe.links.impairment import BadLink, Perfect, Plan
from sgprobe.links.impairment import Impairment as LinkImpairment


def impairment_of(wanted: Impairment, role: str, product: str) -> LinkImpairment:
    """Return what a link does; without `toward` it does so on the way to the product."""
    plan = Plan(
        frozenset(wanted.drop), frozenset(wanted.duplicate), dict(wanted.delay),
        # cases count the datagrams that carry messages, not those of handshakes
        spare_handshake=True,
    )  # fmt: skip
    if not (wanted.drop or wanted.duplicate or wanted.delay):
        return Perfect()
    toward = wanted.toward or product
    return BadLink(plan, Plan()) if toward == role else BadLink(Plan(), plan)
