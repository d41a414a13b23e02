"""The requirement matrix: which requirement is covered by which case, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sgprobe.events import Verdict, worst
from sgprobe.report.run import Run


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence of a specification; of an uncertain one a failure only warns."""

    id: str
    clause: str
    text: str
    level: str = "shall"
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Coverage:
    """A case and the requirements that it covers; `exists` is false where it is only planned."""

    case: str
    title: str
    roles: tuple[str, ...]
    covers: tuple[str, ...]
    exists: bool = True
    # names of official cases, each with how sure the name is: certain, derived, recalled
    official: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A case in the row of a requirement, with its verdict for each product; None: not run."""

    case: Coverage
    verdicts: tuple[Verdict | None, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement, its cases, and what they say together of each product."""

    requirement: Requirement
    cells: tuple[Cell, ...]
    verdicts: tuple[Verdict | None, ...]

    @property
    def covered(self) -> bool:
        """Say whether a case exists."""
        return any(cell.case.exists for cell in self.cells)


@dataclass(slots=True)
class Matrix:
    """All requirements, for some products."""

    products: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)

    @property
    def covered(self) -> int:
        """Return how many requirements have a case."""
        return sum(row.covered for row in self.rows)


def build(
    requirements: Iterable[Requirement], cases: Iterable[Coverage], runs: Sequence[Run] = ()
) -> Matrix:
    """Join requirements, cases and what was run; a column for each product."""
    known = {one.id: one for one in requirements}
    found = {one.case: one for one in cases}
    merged = _by_product(runs)
    verdicts = [_verdicts(group) for group in merged.values()]
    for run in runs:
        _learn(run, known, found)
    covering: dict[str, list[Coverage]] = {ident: [] for ident in known}
    for case in found.values():
        for ident in case.covers:
            covering.setdefault(ident, []).append(case)
            known.setdefault(ident, Requirement(ident, "", "(not in the requirements)"))
    matrix = Matrix(tuple(merged))
    for ident, requirement in known.items():
        cells = tuple(
            Cell(case, tuple(column.get((case.case, ident)) for column in verdicts))
            for case in sorted(covering[ident], key=lambda one: (not one.exists, one.case))
        )
        together = tuple(
            _together(cell.verdicts[at] for cell in cells) for at in range(len(merged))
        )
        matrix.rows.append(Row(requirement, cells, together))
    return matrix


def _by_product(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.product(), []).append(run)
    return found


def _verdicts(runs: list[Run]) -> dict[tuple[str, str], Verdict]:
    """Return the worst verdict by case and requirement, over its variants and all runs."""
    seen: dict[tuple[str, str], list[Verdict]] = {}
    for run in runs:
        for item in run.items:
            for one in item.started.requirements:
                key = (item.started.case, str(one.get("id", "")))
                seen.setdefault(key, []).append(item.verdict)
    return {key: worst(verdicts) for key, verdicts in seen.items()}


def _together(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return worst(known) if known else None


def _learn(run: Run, known: dict[str, Requirement], found: dict[str, Coverage]) -> None:
    """Take what a run knows of cases and requirements that the suites here do not have."""
    for item in run.items:
        started = item.started
        ids = tuple(str(one.get("id", "")) for one in started.requirements)
        for one in started.requirements:
            ident = str(one.get("id", ""))
            if ident not in known:
                known[ident] = Requirement(
                    ident,
                    str(one.get("clause", "")),
                    str(one.get("text", "")),
                    str(one.get("level", "shall")),
                    bool(one.get("firm", True)),
                )
        case = found.get(started.case)
        if case is None or not case.exists or not set(ids) <= set(case.covers):
            covers = tuple(dict.fromkeys((*(case.covers if case else ()), *ids)))
            official = case.official if case else tuple((n, "certain") for n in started.official)
            found[started.case] = Coverage(
                started.case, started.title, (started.iut,), covers, True, official
            )
