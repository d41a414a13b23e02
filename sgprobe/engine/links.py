"""Conditions of links as cases name them, for the links that are there."""

from __future__ import annotations

from typing import Any

from sgprobe.cases.planned import Impairment
from sgprobe.durations import parse_duration
from sgprobe.links.impairment import BadLink, Perfect, Plan
from sgprobe.links.impairment import Impairment as LinkImpairment


def impairment_of(wanted: Impairment, role: str, product: str) -> LinkImpairment:
    """Return what a link does; without `toward` it does so on the way to the product."""
    plan = Plan(
        frozenset(wanted.drop), frozenset(wanted.duplicate), dict(wanted.delay),
        # cases count the datagrams that carry messages, not those of handshakes
        spare_handshake=True, mtu=wanted.largest,
    )  # fmt: skip
    if not (wanted.drop or wanted.duplicate or wanted.delay or wanted.largest):
        return Perfect()
    toward = wanted.toward or product
    # a path has one width both ways
    other = Plan(spare_handshake=True, mtu=wanted.largest)
    return BadLink(plan, other) if toward == role else BadLink(other, plan)


def impairment_of_point(written: Any) -> Impairment:
    """Return the impairment that a point of an axis says."""
    if written == "up" or written == "unreachable":
        return Impairment(up=written == "up")

    def numbers(name: str) -> tuple[int, ...]:
        value = written.get(name, [])
        return tuple(int(one) for one in (value if isinstance(value, list) else [value]))

    delay = tuple((int(number), parse_duration(time) or 0.0)
                  for number, time in written.get("delay", {}).items())  # fmt: skip
    return Impairment(
        True, numbers("drop"), numbers("duplicate"), delay, written.get("toward", ""),
        largest=max(numbers("largest"), default=0),
    )  # fmt: skip


def link_text(wanted: Impairment) -> str:
    """Return what a link does in words."""
    if not wanted.up:
        return "unreachable"
    parts = [f"drop {list(wanted.drop)}"] if wanted.drop else []
    parts += [f"duplicate {list(wanted.duplicate)}"] if wanted.duplicate else []
    parts += [f"delay {dict(wanted.delay)}"] if wanted.delay else []
    parts += [f"nothing above {wanted.largest} octets"] if wanted.largest else []
    toward = f" toward {wanted.toward}" if wanted.toward else ""
    return (", ".join(parts) or "up") + toward
