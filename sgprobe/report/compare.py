"""What changed between a run and the run before it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgprobe.events import Verdict
from sgprobe.report.folder import NoResults, read_run
from sgprobe.report.run import Run, verdict_of
from sgprobe.report.text import plain

RESULTS = "results.json"


@dataclass(frozen=True, slots=True)
class Change:
    """An item whose verdict is another than it was; None: it was not there."""

    item: str
    before: Verdict | None
    after: Verdict | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes, and how many items are as they were."""

    changes: tuple[Change, ...]
    same: int

    def groups(self) -> list[tuple[str, list[Change]]]:
        """Return the changes under the words of reports, the grave ones first."""
        found: dict[str, list[Change]] = {}
        for change in self.changes:
            found.setdefault(_title(change), []).append(change)
        return [(title, found[title]) for title in _TITLES if title in found]

    @property
    def worse(self) -> bool:
        """Say whether something failed that did not before."""
        return any(_title(change) == _TITLES[0] for change in self.changes)


_TITLES = (
    "Newly failing", "Newly in error", "Newly inconclusive", "Newly not applicable",
    "Newly passing", "No longer run", "Newly run",
)  # fmt: skip


def _title(change: Change) -> str:
    match change.after:
        case None:
            return "No longer run"
        case Verdict.FAIL:
            return "Newly failing"
        case Verdict.ERROR:
            return "Newly in error"
        case _ if change.before is None:
            return "Newly run"
        case Verdict.INCONCLUSIVE:
            return "Newly inconclusive"
        case Verdict.NOT_APPLICABLE:
            return "Newly not applicable"
        case _:
            return "Newly passing"


def compare(run: Run, before: dict[str, Verdict]) -> Comparison:
    """Return what is another than before."""
    after = {item.id: item for item in run.items}
    changes = [
        Change(ident, before.get(ident), item.verdict, item.reason)
        for ident, item in after.items()
        if before.get(ident) is not item.verdict
    ]
    # what an interrupted run did not come to is no change
    missing = set(run.not_run)
    changes += [
        Change(ident, verdict, None)
        for ident, verdict in before.items()
        if ident not in after and ident not in missing
    ]
    return Comparison(tuple(changes), sum(before.get(i) is one.verdict for i, one in after.items()))


def read_baseline(path: Path) -> dict[str, Verdict]:
    """Return the verdicts of a results folder, a stream or a results.json; raises NoResults."""
    if path.is_dir() or path.suffix != ".json":
        return {item.id: item.verdict for item in read_run(path).items}
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        return {str(one["id"]): verdict_of(str(one["verdict"])) for one in data["items"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise NoResults(f"{plain(str(path))}: no {RESULTS} that can be read") from None
