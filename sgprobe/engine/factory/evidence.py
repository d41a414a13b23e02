"""Evidence as the product of several parties: the judge reads it, whole or damaged by a case."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.chain import Anchor
from sgprobe.data import data_dir
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.outcome import NotHere
from sgprobe.fileerror import FileError
from sgprobe.judge.plan import ITEMS, NAME, read_plan
from sgprobe.judge.verdict import Verdict, judge

EVIDENCE, VERDICT = "system.evidence", "system.verdict"
_ITEM = re.compile("  (E[0-9]+):")
_MOST_FILE = 1 << 20


def examples() -> dict[str, Path]:
    """Return the evidence that is shipped, by the scene that it tells."""
    folder = data_dir("vectors") / "ifpp" / "evidence"
    return {one.name.partition("-")[2]: one for one in sorted(folder.iterdir()) if one.is_dir()}


class EvidenceRoom(Corner):
    """Lays out evidence as a case asks for it, and has it judged.

    `scenes` are folders by what happened in them: those of a product, else the examples.
    """

    names = frozenset({EVIDENCE, VERDICT})

    def __init__(
        self,
        scenes: Mapping[str, Path] | None,
        anchors: Sequence[Anchor],
        off: frozenset[str] = frozenset(),
    ) -> None:
        self._scenes = examples() if scenes is None else scenes
        self._own = scenes is not None
        self._anchors = tuple(anchors)
        self._off = frozenset(name for name in off if name.startswith("JUDGE."))
        self._rows: list[dict[str, Any]] = []

    async def bring(self, part: str, rows: Rows) -> None:
        """Choose the evidence; raises NotHere where a product has none of such a scene."""
        if part != EVIDENCE:
            return await super().bring(part, rows)
        for row in rows:
            scene = str(row.get("scene", ""))
            if scene in self._scenes:
                continue
            if self._own:
                raise NotHere(f"the product file names no evidence of the scene {scene}")
            raise Unresolved(f"there is no scene {scene}; known are {', '.join(self._scenes)}")
        self._rows = [dict(row) for row in rows]
        return None

    async def read(self, part: str) -> Rows:
        """Return the verdicts on the evidence as the rows of a state."""
        if part != VERDICT:
            return await super().read(part)
        if not self._rows:
            raise Unresolved(f"nothing is to be judged: `state: {EVIDENCE}` comes first")
        try:
            return [self._judged(row) for row in self._rows]
        except FileError as error:
            raise Unresolved(f"the evidence cannot be judged: {error}") from None
        except OSError as error:
            raise Unresolved(f"the evidence cannot be read: {error.strerror or error}") from None

    def _judged(self, row: dict[str, Any]) -> dict[str, Value]:
        scene = str(row["scene"])
        folder, name = self._scenes[scene], {"name": str(row.get("name", scene))}
        if row.keys() <= {"scene", "name"}:
            return name | _told(judge(folder, self._anchors, self._off))
        with tempfile.TemporaryDirectory(prefix="evidence-") as aside:
            copy = Path(shutil.copytree(folder, Path(aside) / "copy"))
            damage(copy, row)
            return name | _told(judge(copy, self._anchors, self._off))


def damage(folder: Path, row: Mapping[str, Any]) -> None:
    """Do to a copy of evidence what a row says: without items, bits flipped, members changed."""
    without = row.get("without", [])
    for key in [without] if isinstance(without, str) else without:
        _drop(folder, str(key))
    for place, at in dict(row.get("flip", {})).items():
        _flip(_file(folder, place), str(at))
    for place, members in dict(row.get("members", {})).items():
        _change(_file(folder, place), members)


def _file(folder: Path, place: str) -> Path:
    """Return a file of an item: `E10.counters`, or `E6` for its first one."""
    key, _, part = place.partition(".")
    if key not in ITEMS:
        raise Unresolved(f"there is no item {key} of evidence")
    path = read_plan(folder).items.get(key, {}).get(part or ITEMS[key][1][0])
    if path is None or not path.is_file() or path.stat().st_size > _MOST_FILE:
        raise Unresolved(f"the evidence has no file {place} that can be changed")
    return path


def _drop(folder: Path, key: str) -> None:
    """Take an item out of the list of evidence, which has a line for each item and its files."""
    path = folder / NAME
    kept, inside, found = [], False, False
    for line in path.read_text(encoding="utf-8").splitlines():
        item = _ITEM.match(line)
        inside = item[1] == key if item else inside and line.startswith("   ")
        found |= inside
        if not inside:
            kept.append(line)
    if not found:
        raise Unresolved(f"the evidence has no {key} to go without")
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _flip(path: Path, at: str) -> None:
    octets = bytearray(path.read_bytes())
    if not (at.isascii() and at.isdigit() and int(at) < 8 * len(octets)):
        raise Unresolved(f"{path.name} has no bit {at}")
    octets[int(at) // 8] ^= 0x80 >> int(at) % 8
    path.write_bytes(octets)


def _change(path: Path, members: object) -> None:
    """Change members of a JSON object; a number stays one."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        value = None
    if not isinstance(value, dict) or not isinstance(members, Mapping):
        raise Unresolved(f"{path.name} has no members that can be changed")
    path.write_text(json.dumps(_merged(value, members)), encoding="utf-8")


def _merged(value: dict[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(value)
    for name, told in members.items():
        was = value.get(name)
        if isinstance(was, dict) and isinstance(told, Mapping):
            made[name] = _merged(was, told)
        else:
            made[name] = int(told) if isinstance(was, int) else told
    return made


def _told(verdict: Verdict) -> dict[str, Value]:
    """Return a verdict as a row: texts and numbers."""
    by_state: dict[str, list[str]] = {"refused": [], "absent": []}
    for one in verdict.evidence.items:
        by_state.get(one.state, []).append(one.key)
    return {
        "class": str(verdict.kind),
        "grade": verdict.grade or "none",
        "place": str(verdict.place.answer),
        "network": str(verdict.network.answer),
        "parties": str(verdict.parties.answer),
        "refused": " ".join(by_state["refused"]) or "none",
        "absent": " ".join(by_state["absent"]) or "none",
        "used": " ".join(
            dict.fromkeys([*verdict.place.used, *verdict.network.used, *verdict.parties.used])
        ),
        "missing": "; ".join(verdict.missing) or "none",
        "because": "; ".join([*verdict.place.because, *verdict.network.because]) or "none",
        "remarks": "; ".join(verdict.remarks) or "none",
    }


__all__ = ["EVIDENCE", "VERDICT", "EvidenceRoom", "damage", "examples"]
