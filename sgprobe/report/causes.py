"""Items that did not pass for the same reason stand together: one fault breaks many cases."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sgprobe.events import Verdict
from sgprobe.report.run import GRAVITY
from sgprobe.report.text import headline

# what differs between two items with one cause: what came, numbers, octets
_VALUES = re.compile(r"(?<=, got )[^;({]+|\b(?=[0-9a-f]*\d)[0-9a-f]{3,}\b|\d+", re.IGNORECASE)


@dataclass(slots=True)
class Cause:
    """One reason, in the words of the first item that gave it."""

    verdict: Verdict
    reason: str
    # of its items: the case, and what a caller counts by
    items: list[tuple[str, str]]

    @property
    def cases(self) -> dict[str, list[str]]:
        """Return the items by case."""
        found: dict[str, list[str]] = {}
        for case, item in self.items:
            found.setdefault(case, []).append(item)
        return found


def causes(items: Iterable[tuple[Verdict, str, str, str]]) -> list[Cause]:
    """Group items, given as verdict, reason, case and id; grave and frequent causes first."""
    found: dict[tuple[Verdict, str], Cause] = {}
    for verdict, reason, case, ident in items:
        said = headline(reason) or "no reason was given"
        key = (verdict, _VALUES.sub("#", said))
        found.setdefault(key, Cause(verdict, said, [])).items.append((case, ident))
    return sorted(found.values(), key=lambda one: (GRAVITY.index(one.verdict), -len(one.items)))
