"""Captures that are to show absence: opened, and proven whole by canaries and counters."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from dissectors.link.stream import Flow
from sgprobe.judge.item import Refused, be_file, members_of, octets_of
from sgprobe.judge.plan import Plan
from sgprobe.judge.rules import KEPT
from sgprobe.judge.sight import Sight, SightError, see
from sgprobe.peers.rules import Rules

# seconds without a canary that still count as watched
LONGEST_GAP = 15.0


def seen(path: Path, canary: int = 0) -> Sight:
    """Return what a file of evidence shows; Refused says why it shows nothing."""
    be_file(path)
    try:
        return see(path, canary)
    except SightError as error:
        raise Refused(str(error)) from None


def is_known(flow: Flow, plan: Plan) -> bool:
    """Say whether the examiner accounts for an end of this flow."""
    return flow.client.host in plan.known or flow.server.host in plan.known


def completeness(sight: Sight, counters: Path | None, rules: Rules = KEPT) -> tuple[str, ...]:
    """Say what is missing before a capture can show that something was absent."""
    lacks = [f"the capture is not whole: {note}" for note in sight.notes[:3]]
    if sight.overfull or sight.gaps:
        lacks.append("the capture has holes" if sight.gaps else "the capture is too large")
    if rules.on("JUDGE.CANARIES"):
        lacks += _canaries(sight)
    if not rules.on("JUDGE.COUNTERS"):
        return tuple(lacks)
    if counters is None:
        lacks.append("counters of the interfaces")
    else:
        members = members_of(octets_of(counters), "the counters")
        given = members.get("packets")
        counted = sum(given.values()) if isinstance(given, dict) and _counts(given) else -1
        if counted != sight.frames:
            lacks.append(f"counters that fit: {counted} packets counted, {sight.frames} captured")
    return tuple(lacks)


def _counts(value: dict[str, Any]) -> bool:
    return all(type(one) is int for one in value.values())


def _canaries(sight: Sight) -> list[str]:
    if not sight.canaries:
        return ["canary packets: without them an empty capture shows nothing"]
    times = [sight.first, *(time for time, _ in sight.canaries), sight.last]
    lacks = []
    longest = max(after - before for before, after in pairwise(times))
    if longest > LONGEST_GAP:
        lacks.append(f"a canary every 10 s: {longest:.0f} s are without")
    numbers = [number for _, number in sight.canaries]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        lacks.append("canaries one after the other: numbers are missing")
    begun = [one.command_time for one in sight.cards[:1]] + [one.begun for one in sight.talks[:1]]
    if begun and sight.canaries[0][0] > min(begun):
        lacks.append("a canary before the device does anything")
    return lacks
