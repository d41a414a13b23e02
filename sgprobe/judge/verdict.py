"""The class that follows from the three answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgprobe.crypto.chain import Anchor
from sgprobe.judge.answers import Answer, Class, Need, Place, Together
from sgprobe.judge.evidence import Evidence, read
from sgprobe.judge.network import needed
from sgprobe.judge.parties import Link, coordinated
from sgprobe.judge.place import dated_later, operational, where

FORMAT = 0
_PRELOADED = (Place.FACTORY, Place.EUM)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence of a directory says."""

    kind: Class
    grade: str
    iccid: str
    place: Answer
    network: Answer
    parties: Answer
    links: tuple[Link, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    evidence: Evidence = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON data."""
        return {
            "format": FORMAT,
            "class": str(self.kind),
            "grade": self.grade,
            "device": self.evidence.plan.eid,
            "operationalIccid": self.iccid,
            "place": self.place.as_json(),
            "network": self.network.as_json(),
            "parties": {
                **self.parties.as_json(),
                "links": [one.as_json() for one in self.links],
            },
            "missing": list(self.missing),
            "remarks": list(self.remarks),
            "items": {
                one.key: {"state": one.state, **({"reason": one.refused} if one.refused else {})}
                for one in self.evidence.items
            },
        }


def judge(folder: Path, anchors: Sequence[Anchor], off: frozenset[str] = frozenset()) -> Verdict:
    """Judge an evidence directory; FileError says that its `evidence.yaml` cannot be used.

    `off` names rules of the judge that are switched off: faults, to see who notices.
    """
    return conclude(read(folder, anchors, off))


def conclude(evidence: Evidence) -> Verdict:
    """Answer the three questions from evidence that was read, and name the class."""
    place = where(evidence)
    network = needed(evidence)
    at = Place(place.answer)
    op = operational(evidence)[0]
    # without a boot the joins are still compared, for the profile that was bound
    bound = evidence.binding.value.iccid if evidence.binding.value is not None else ""
    parties, links = coordinated(evidence, op or bound, at)
    kind = classify(evidence, at, Need(network.answer), parties.answer)
    missing = tuple(dict.fromkeys([*place.missing, *network.missing, *parties.missing]))
    if kind is Class.INCONCLUSIVE and at is Place.FIELD and evidence.state.value is None:
        missing = (evidence.state.lack, *missing)
    if at is Place.FIELD and network.answer == Need.NOT_NEEDED:
        # one of both is not so: what came in the field came over something
        missing = ("E10 from the seal on: it does not show how the profile came", *missing)
    grade = "" if kind in (Class.INCONCLUSIVE, Class.INVALID) else str(place.grade)
    return Verdict(
        kind, grade, op, place, network, parties, links, missing, _remarks(evidence), evidence
    )


def classify(evidence: Evidence, place: Place, need: Need, parties: str) -> Class:
    """Return the class of three answers."""
    if parties == Together.CONTRADICTED:
        return Class.INVALID
    if Place.UNKNOWN is place or Need.UNKNOWN is need:
        return Class.INCONCLUSIVE
    if need is Need.NEEDED:
        if place in _PRELOADED:
            return Class.RELABELLED
        state = evidence.state.value
        if state is None:
            return Class.INCONCLUSIVE
        return Class.RELABELLED if state.profiles else Class.FIELD
    if place not in _PRELOADED:
        # a profile that came in the field and needed no network: one of both is not so
        return Class.INCONCLUSIVE
    if parties != Together.COORDINATED and evidence.plan.rules.on("JUDGE.ALL-LINKS"):
        return Class.UNCOORDINATED
    return Class.GENUINE if place is Place.FACTORY else Class.PRELOAD


def _remarks(evidence: Evidence) -> tuple[str, ...]:
    """Return what a reader should know, and what decides nothing."""
    found = []
    line = evidence.line.value
    if dated_later(evidence):
        found.append(
            "by the station's clock the load came after the seal; the order is decided by "
            "challenge and signed state, not by clocks"
        )
    if line is not None:
        if line.strangers:
            found.append(f"during the load the line talked to {', '.join(line.strangers[:4])}")
        found += [f"E8 does not prove an offline line: {one}" for one in line.lacks]
    state = evidence.state.value
    if state is not None and state.unused:
        found.append(f"{state.unused} one-time keys were left at the ship point")
    return tuple(found)
